"""Compares what anoseg-image reads with Pillow (libjpeg-turbo, libtiff, libpng, libwebp), tifffile and imagecodecs.

    pip install pillow numpy tifffile imagecodecs
    python scripts/compare_decoders.py [--keep FOLDER] [--only PREFIX] [--verbose]

It writes some hundred variants of each format, decodes them with the example program `decode` of anoseg-image and
prints a table: read equal, refused by name, wrong, called damaged though valid. The last two must be 0; the script
exits with 1 otherwise.

Lossless variants must be equal to the source array. JPEG is compared with libjpeg-turbo by its defaults (accurate
integer transform, triangle filter for colours at half resolution, "fancy upsampling"): decoders may differ by a few
levels, because the standard leaves the transform's rounding and the whole upsampling open. The tolerance of each group
is in the table.
"""

import argparse
import io
import struct
import subprocess
import sys
import tempfile
import zlib
from collections import defaultdict
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, ImageCms, PngImagePlugin

sys.path.insert(0, str(Path(__file__).parent))
import jpeg_variants as jv

ROOT = Path(__file__).resolve().parent.parent


class Matrix:
    """Files and what they must decode to."""

    def __init__(self, folder, only):
        self.folder, self.only, self.cases = folder, only, []

    def wanted(self, group):
        return group.startswith(self.only)

    def add(self, group, name, data, expected, tolerance=0.0, refused=False):
        """`expected`: `[h, w]` or `[h, w, 3]` in 0..=255; None where refusing is right."""
        if not self.wanted(group):
            return
        path = self.folder / f"{len(self.cases):04}_{name}"
        path.write_bytes(data)
        if expected is not None:
            expected = np.asarray(expected, np.float64)
            if expected.ndim == 2:
                expected = np.repeat(expected[..., None], 3, axis=2)
        self.cases.append((group, name, path, expected, tolerance, refused))


def photo(height, width, seed=0):
    """Smooth colours, noise, an edge and a grating."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(float)
    rgb = np.stack([127 + 100 * np.sin(x / 9) * np.cos(y / 13), 90 + y * 100 / height + 30 * (x > width / 2),
                    60 + x * 120 / width], 2)
    rgb[height // 3:height // 2, width // 4:width // 2] += 60
    return (rgb + rng.normal(0, 4, rgb.shape)).clip(0, 255).round().astype(np.uint8)


def pillow_rgb(data):
    image = Image.open(io.BytesIO(data))
    return np.asarray(image.convert("L" if image.mode == "L" else "RGB"))


SIZES = [(16, 16), (37, 53), (64, 48), (9, 131), (101, 8), (33, 17)]


def jpegs(m):
    if not m.wanted("jpeg"):
        return
    for height, width in SIZES:
        rgb = photo(height, width)
        size = f"{width}x{height}"
        for subsampling in ("4:4:4", "4:2:2", "4:2:0"):
            for progressive in (False, True):
                for restart in (0, 1, 3):
                    f = io.BytesIO()
                    Image.fromarray(rgb).save(f, "JPEG", quality=92, subsampling=subsampling, progressive=progressive,
                                              restart_marker_blocks=restart)
                    kind = "progressive" if progressive else "sequential"
                    m.add(f"jpeg {kind}, one writer", f"{size}_{subsampling.replace(':', '')}_{restart}.jpg", f.getvalue(),
                          pillow_rgb(f.getvalue()), 6)
        for progressive in (False, True):
            for mode in ("L", "CMYK"):
                f = io.BytesIO()
                Image.fromarray(rgb).convert(mode).save(f, "JPEG", quality=92, progressive=progressive)
                m.add("jpeg grey, CMYK, RGB", f"{size}_{mode}.jpg", f.getvalue(), pillow_rgb(f.getvalue()), 4)
            f = io.BytesIO()
            Image.fromarray(rgb).save(f, "JPEG", quality=92, keep_rgb=True, progressive=progressive)
            m.add("jpeg grey, CMYK, RGB", f"{size}_rgb.jpg", f.getvalue(), pillow_rgb(f.getvalue()), 4)
        planes = jv.ycbcr(rgb)
        layouts = {
            "one": None,
            "three": [((0,), 0, 63), ((1,), 0, 63), ((2,), 0, 63)],
            "two": [((0,), 0, 63), ((1, 2), 0, 63)],
            "chroma_first": [((1,), 0, 63), ((2,), 0, 63), ((0,), 0, 63)],
        }
        samplings = {
            "444": [(1, 1)] * 3, "422": [(2, 1), (1, 1), (1, 1)], "420": [(2, 2), (1, 1), (1, 1)],
            "440": [(1, 2), (1, 1), (1, 1)], "411": [(4, 1), (1, 1), (1, 1)], "410": [(4, 2), (1, 1), (1, 1)],
            "441": [(1, 4), (1, 1), (1, 1)], "444_as_22": [(2, 2)] * 3, "422_odd": [(2, 2), (1, 2), (1, 2)],
            "mixed": [(2, 2), (2, 1), (1, 2)], "swapped": [(1, 1), (2, 2), (1, 1)],
        }
        for name, sampling in samplings.items():
            for layout, scans in layouts.items():
                if scans is None and sum(h * v for h, v in sampling) > 10:
                    continue
                for restart in (0, 2):
                    data = jv.encode(planes, sampling, scans, restart=restart)
                    m.add(f"jpeg {layout} scan layout", f"{size}_{name}_{layout}_{restart}.jpg", data, pillow_rgb(data), 6)
        bands = [(1, 5), (6, 63)]
        for name in ("444", "420", "422", "440", "411", "410", "mixed"):
            scans = [((0, 1, 2), 0, 0)] + [((c,), *band) for c in range(3) for band in bands]
            data = jv.encode(planes, samplings[name], scans, progressive=True)
            m.add("jpeg progressive, spectral bands", f"{size}_{name}_bands.jpg", data, pillow_rgb(data), 6)
        for name, sampling in {"11": [(1, 1)], "22": [(2, 2)], "12": [(1, 2)]}.items():
            data = jv.encode(planes[:1], sampling)
            m.add("jpeg grey, CMYK, RGB", f"{size}_grey_{name}.jpg", data, pillow_rgb(data), 4)
        data = jv.encode([p.astype(float) for p in np.moveaxis(rgb, 2, 0)], [(1, 1)] * 3, ids=b"RGB", before=b"")
        m.add("jpeg grey, CMYK, RGB", f"{size}_ids_rgb.jpg", data, pillow_rgb(data), 4)
        ids = jv.encode(planes, [(2, 1), (1, 1), (1, 1)], ids=(0, 1, 2), before=b"")
        m.add("jpeg grey, CMYK, RGB", f"{size}_ids_012.jpg", ids, pillow_rgb(ids), 6)
        inks = [255 - p.astype(float) for p in np.moveaxis(rgb, 2, 0)] + [np.full(rgb.shape[:2], 200.0)]
        for transform in (0, 2):
            adobe = jv.segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([transform]))
            stored = inks if transform == 0 else jv.ycbcr(rgb) + inks[3:]
            for name, sampling in {"444": [(1, 1)] * 4, "420": [(2, 2), (1, 1), (1, 1), (2, 2)]}.items():
                scans = [((c,), 0, 63) for c in range(4)]
                for layout, which in {"one": None, "four": scans}.items():
                    data = jv.encode(stored, sampling, which, before=adobe)
                    m.add("jpeg grey, CMYK, RGB", f"{size}_inks{transform}_{name}_{layout}.jpg", data, pillow_rgb(data), 6)
        data = jv.encode(planes, samplings["420"])
        reference = pillow_rgb(data)
        at = data.index(b"\xff\xdb")
        end = len(data) - 2
        odd = {
            "stray_between": data[:at] + b"\0\1\2" + data[at:],
            "stray_after_start": data[:2] + b"\0\1\2" + data[2:],
            "padding_before_end": data[:end] + bytes(64) + data[end:],
            "stray_before_end": data[:end] + b"\1\2\3" + data[end:],
            "fill_bytes": data[:at] + b"\xff" * 9 + data[at:],
            "behind_end": data + b"\xff\xd8\xff\xe0" + bytes(100),
            "no_end_marker": data[:end],
            "no_tables": jv.encode(planes, samplings["420"], tables=False),
            "no_tables_422": jv.encode(planes, samplings["422"], tables=False, before=jv.segment(0xE0, b"AVI1\0" + bytes(9))),
        }
        for name, variant in odd.items():
            expected = pillow_rgb(variant) if name.startswith("no_tables") else reference
            m.add("jpeg stray bytes, no tables", f"{size}_{name}.jpg", variant, expected, 6)


def tiff_bytes(array, **options):
    f = io.BytesIO()
    tifffile.imwrite(f, array, metadata=None, **options)
    return f.getvalue()


def tiffs(m):
    if not m.wanted("tiff"):
        return
    codecs = {"none": None, "lzw": "lzw", "deflate": "zlib", "adobe": "adobe_deflate", "packbits": "packbits", "zstd": "zstd"}
    rng = np.random.default_rng(5)
    for height, width in [(16, 16), (37, 53), (102, 130)]:
        rgb = photo(height, width)
        grey = rgb[..., 1]
        wide = (rgb.astype(np.uint16) * 257) ^ rng.integers(0, 255, rgb.shape, dtype=np.uint16)
        real = (wide / 65535).astype(np.float32)
        arrays = {
            "g8": (grey, grey), "rgb8": (rgb, rgb), "g16": (wide[..., 0], wide[..., 0] / 257), "rgb16": (wide, wide / 257),
            "gf32": (real[..., 0], real[..., 0] * 255), "rgbf32": (real, real * 255),
            "gf16": (real[..., 0].astype(np.float16), real[..., 0].astype(np.float16).astype(float) * 255),
            "gf64": (real[..., 0].astype(np.float64), real[..., 0] * 255),
            "g32": ((wide[..., 0].astype(np.uint32) << 16) + 7, ((wide[..., 0].astype(np.uint32) << 16) + 7) / 0xFFFFFFFF * 255),
        }
        for kind, (array, expected) in arrays.items():
            colour = array.ndim == 3
            photometric = "rgb" if colour else "minisblack"
            for codec, compression in codecs.items():
                if codec == "packbits" and array.dtype.itemsize > 2:
                    continue
                for order in "<>":
                    predictors = [None]
                    if compression not in (None, "packbits"):
                        predictors += [3] if array.dtype.kind == "f" else [2]
                    for predictor in predictors:
                        for layout, more in {"strip": {}, "strips": {"rowsperstrip": 7}, "tiles": {"tile": (32, 48)},
                                             "tiles64": {"tile": (64, 64)}}.items():
                            for planes in ("contig", "separate") if colour else ("contig",):
                                data = array if planes == "contig" else np.moveaxis(array, 2, 0).copy()
                                if colour:
                                    more = more | {"planarconfig": planes}
                                name = f"{width}x{height}_{kind}_{codec}_{'be' if order == '>' else 'le'}_p{predictor}_{layout}_{planes}.tif"
                                f = tiff_bytes(data, photometric=photometric, compression=compression, byteorder=order,
                                               predictor=predictor, **more)
                                m.add(f"tiff {codec}, {'tiles' if 'tile' in layout else 'strips'}", name, f, expected, 0.01)
        for big in (False, True):
            data = tiff_bytes(rgb, photometric="rgb", bigtiff=True, byteorder=">" if big else "<", tile=(32, 32), compression="lzw")
            m.add("tiff BigTIFF", f"{width}x{height}_big_{big}.tif", data, rgb)
        for bits in (10, 12, 14):
            values = wide[..., 0] >> (16 - bits)
            expected = values * 255.0 / ((1 << bits) - 1)
            # Little-endian only: tifffile packs the bytes of big-endian values in the wrong order.
            data = tiff_bytes(values, photometric="minisblack", bitspersample=bits, byteorder="<")
            m.add("tiff packed 10, 12, 14 bits", f"{width}x{height}_{bits}.tif", data, expected, 0.01)
            values = wide >> (16 - bits)
            data = tiff_bytes(values, photometric="rgb", bitspersample=bits, planarconfig="contig")
            m.add("tiff packed 10, 12, 14 bits", f"{width}x{height}_rgb{bits}.tif", data, values * 255.0 / ((1 << bits) - 1), 0.01)
        for bits in (1, 2, 3, 4, 5, 6, 7):
            values = grey >> (8 - bits)
            for codec in (None, "lzw", "deflate"):
                array = values.astype(bool) if bits == 1 else values
                options = {} if bits == 1 else {"bitspersample": bits}
                try:
                    data = tiff_bytes(array, photometric="minisblack", compression=codec, **options)
                except (ValueError, NotImplementedError):
                    continue
                expected = np.round(values * 255.0 / ((1 << bits) - 1))
                m.add("tiff 1 to 7 bits", f"{width}x{height}_{bits}_{codec}.tif", data, expected, 0.51)
        # Palettes with values of 16 bits, of 8 bits times 257 or 256, and of 8 bits as they are.
        index = (grey >> 2) + 3
        for name, factor, dtype in [("257", 257, np.uint8), ("256", 256, np.uint8), ("1", 1, np.uint8), ("wide", 257, np.uint16)]:
            entries = 1 << (8 * np.dtype(dtype).itemsize)
            colours = rng.integers(0, 256, (3, entries)).astype(np.uint16)
            data = tiff_bytes(index.astype(dtype), photometric="palette", colormap=colours * factor)
            m.add("tiff palette", f"{width}x{height}_{name}.tif", data, np.moveaxis(colours[:, index], 0, 2))
        for bits in (1, 2, 4):
            f = io.BytesIO()
            image = Image.fromarray(rgb).quantize(1 << bits)
            image.save(f, "TIFF")
            m.add("tiff palette", f"{width}x{height}_pillow{bits}.tif", f.getvalue(), np.asarray(image.convert("RGB")))
        for sampling in ((1, 1), (2, 1), (2, 2)):
            for more in ({}, {"rowsperstrip": 16}, {"tile": (32, 48)}):
                data = tiff_bytes(rgb, photometric="ycbcr", compression="jpeg", subsampling=sampling, **more)
                reference = tifffile.imread(io.BytesIO(data))
                name = f"{width}x{height}_ycc{sampling[0]}{sampling[1]}_{'_'.join(more)}.tif"
                m.add("tiff JPEG", name, data, reference, 1)
        for more in ({}, {"rowsperstrip": 16}, {"tile": (32, 48)}):
            name = f"{width}x{height}_{'_'.join(more)}"
            data = tiff_bytes(rgb, photometric="rgb", compression="jpeg", **more)
            m.add("tiff JPEG", f"{name}_rgb.tif", data, tifffile.imread(io.BytesIO(data)), 1)
            data = tiff_bytes(grey, photometric="minisblack", compression="jpeg", **more)
            m.add("tiff JPEG", f"{name}_grey.tif", data, tifffile.imread(io.BytesIO(data)), 1)
            data = tiff_bytes(np.moveaxis(rgb, 2, 0).copy(), photometric="rgb", compression="jpeg", planarconfig="separate", **more)
            m.add("tiff JPEG", f"{name}_planes.tif", data, np.moveaxis(tifffile.imread(io.BytesIO(data)), 0, 2), 1)
        pillow = Image.fromarray(rgb)
        for name, image, options in [
            ("jpeg", pillow, {"compression": "jpeg", "quality": 90}),
            ("jpeg_strips", pillow, {"compression": "jpeg", "quality": 90, "tiffinfo": {278: 16}}),
            ("jpeg_grey", pillow.convert("L"), {"compression": "jpeg"}),
            ("jpeg_cmyk", pillow.convert("CMYK"), {"compression": "jpeg"}),
            ("lzw", pillow, {"compression": "tiff_lzw"}), ("lzw_pred", pillow, {"compression": "tiff_lzw", "tiffinfo": {317: 2}}),
            ("deflate", pillow, {"compression": "tiff_deflate"}), ("packbits", pillow, {"compression": "packbits"}),
            ("cmyk", pillow.convert("CMYK"), {}), ("cmyk_lzw", pillow.convert("CMYK"), {"compression": "tiff_lzw"}),
            ("white_is_zero", pillow.convert("L"), {"tiffinfo": {262: 0}}),
            ("fill_order", pillow.convert("1"), {"tiffinfo": {266: 2}}),
            ("la", pillow.convert("LA"), {}), ("rgba", pillow.convert("RGBA"), {"compression": "tiff_lzw"}),
            ("rgbx", pillow.convert("RGBX"), {}),
            *[(f"fax_{c}", pillow.convert("1"), {"compression": c}) for c in ("group3", "group4", "tiff_ccitt")],
            *[(f"fax_fill_{c}", pillow.convert("1"), {"compression": c, "tiffinfo": {266: 2}}) for c in ("group3", "group4")],
        ]:
            f = io.BytesIO()
            image.save(f, "TIFF", **options)
            read = Image.open(io.BytesIO(f.getvalue()))
            if name == "white_is_zero":
                expected = 255 - np.asarray(image) if read.tag_v2.get(262) == 0 and False else np.asarray(read.convert("L"))
            elif image.mode in ("1", "L", "LA"):
                expected = np.asarray(read.convert("L"))
            else:
                expected = np.asarray(read.convert("RGB"))
            m.add("tiff by libtiff through Pillow", f"{width}x{height}_{name}.tif", f.getvalue(), expected, 1 if "jpeg" in name or "cmyk" in name else 0)
        # Samples beside the colours; bands without a meaning.
        extra = np.concatenate([rgb, grey[..., None], grey[..., None]], 2)
        data = tiff_bytes(extra, photometric="rgb", planarconfig="contig", extrasamples=(0, 0))
        m.add("tiff extra samples, bands", f"{width}x{height}_extra.tif", data, rgb)
        data = tiff_bytes(np.moveaxis(extra, 2, 0).copy(), photometric="rgb", planarconfig="separate", extrasamples=(0, 0), tile=(32, 32), compression="lzw")
        m.add("tiff extra samples, bands", f"{width}x{height}_extra_planes.tif", data, rgb)
        m.add("tiff extra samples, bands", f"{width}x{height}_bands3.tif", tiff_bytes(rgb, photometric="minisblack", planarconfig="contig"), rgb)
        m.add("tiff extra samples, bands", f"{width}x{height}_bands5.tif", tiff_bytes(extra, photometric="minisblack", planarconfig="contig"), None, refused=True)
        for name, array, options in [("int8", grey.astype(np.int8), {}), ("int16", wide[..., 0].astype(np.int16), {}),
                                     ("uint64", wide[..., 0].astype(np.uint64), {}), ("complex", real[..., 0].astype(np.complex64), {})]:
            m.add("tiff kinds that are refused", f"{width}x{height}_{name}.tif", tiff_bytes(array, photometric="minisblack", **options), None, refused=True)
        for codec in ("jpeg2000", "webp", "lzma", "lerc", "jpegxl"):
            try:
                data = tiff_bytes(rgb, photometric="rgb", compression=codec)
            except (ValueError, KeyError, RuntimeError):
                continue
            m.add("tiff kinds that are refused", f"{width}x{height}_{codec}.tif", data, None, refused=True)
        f = io.BytesIO()
        Image.fromarray(rgb).convert("LAB").save(f, "TIFF")
        m.add("tiff kinds that are refused", f"{width}x{height}_lab.tif", f.getvalue(), None, refused=True)
        f = io.BytesIO()
        with tifffile.TiffWriter(f) as t:
            t.write(rgb[::4, ::4].copy(), photometric="rgb", subfiletype=1)
            t.write(grey > 99, photometric=4, subfiletype=4)
            t.write(rgb, photometric="rgb")
        m.add("tiff pages", f"{width}x{height}_thumbnail_first.tif", f.getvalue(), rgb)
        f = io.BytesIO()
        with tifffile.TiffWriter(f) as t:
            t.write(rgb, photometric="rgb", subifds=1, tile=(32, 32))
            t.write(rgb[::2, ::2].copy(), photometric="rgb", subfiletype=1, tile=(32, 32))
        m.add("tiff pages", f"{width}x{height}_pyramid.tif", f.getvalue(), rgb)


def saved(image, kind, **options):
    f = io.BytesIO()
    image.save(f, kind, **options)
    return f.getvalue()


def png_chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_of(samples, bits, colour, interlaced=False, more=b""):
    """A PNG of `[h, w, c]` samples of `bits`, without filters."""
    height, width, channels = samples.shape

    def rows(part):
        if part.size == 0:
            return b""
        flat = part.reshape(part.shape[0], -1)
        if bits == 16:
            data = flat.astype(">u2").view(np.uint8).reshape(flat.shape[0], -1)
        elif bits == 8:
            data = flat.astype(np.uint8)
        else:
            each = (flat[..., None] >> np.arange(bits - 1, -1, -1)) & 1
            data = np.packbits(each.reshape(flat.shape[0], -1).astype(np.uint8), axis=1)
        return b"".join(b"\0" + row.tobytes() for row in data)

    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    raw = b"".join(rows(samples[y::dy, x::dx]) for x, y, dx, dy in passes) if interlaced else rows(samples)
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head) + more + png_chunk(b"IDAT", zlib.compress(raw))
            + png_chunk(b"IEND", b""))


def pngs(m):
    rng = np.random.default_rng(7)
    for height, width in [(16, 16), (37, 53), (9, 131)]:
        for interlaced in (False, True):
            for bits in (1, 2, 4, 8, 16):
                full = (1 << bits) - 1
                for colour, channels in {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.items():
                    if colour in (2, 4, 6) and bits < 8 or colour == 3 and bits == 16:
                        continue
                    samples = rng.integers(0, full + 1, (height, width, channels)).astype(np.uint16)
                    palette = rng.integers(0, 256, (full + 1, 3)).astype(np.uint8) if colour == 3 else None
                    if colour == 3:
                        expected = palette[samples[..., 0]]
                    else:
                        expected = samples[..., :3 if channels > 2 else 1] * 255.0 / full
                        expected = expected[..., 0] if channels < 3 else expected
                    for transparent in (False, True):
                        if transparent and colour in (4, 6):
                            continue
                        more = png_chunk(b"PLTE", palette.tobytes()) if colour == 3 else b""
                        if transparent:
                            key = {0: struct.pack(">H", 1), 2: struct.pack(">HHH", 1, 1, 1), 3: b"\0\x80"}[colour]
                            more += png_chunk(b"tRNS", key)
                        data = png_of(samples, bits, colour, interlaced, more)
                        name = f"{width}x{height}_{bits}_{colour}_{'i' if interlaced else 'p'}{'_t' if transparent else ''}.png"
                        m.add("png by depth, colours, interlace", name, data, expected, 0.01)
        rgb = photo(height, width)
        for level in (0, 1, 9):
            m.add("png by Pillow, texts, profiles", f"{width}x{height}_l{level}.png", saved(Image.fromarray(rgb), "PNG", compress_level=level), rgb)
        info = PngImagePlugin.PngInfo()
        info.add_text("Comment", "x" * 9000, zip=True)
        info.add_itxt("Title", "y" * 9000, zip=True)
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        m.add("png by Pillow, texts, profiles", f"{width}x{height}_text.png",
              saved(Image.fromarray(rgb), "PNG", pnginfo=info, icc_profile=profile), rgb)
        frames = [Image.fromarray(rgb[::-1].copy())]
        m.add("png by Pillow, texts, profiles", f"{width}x{height}_animated.png",
              saved(Image.fromarray(rgb), "PNG", save_all=True, append_images=frames), rgb)


def bmp_of(rows, bits, width, height, compression=0, palette=b"", masks=b"", top_down=False):
    head = struct.pack("<IiiHHIIiiII", 40, width, -height if top_down else height, 1, bits, compression, len(rows), 2835,
                       2835, len(palette) // 4, 0)
    offset = 14 + 40 + len(masks) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(rows), 0, 0, offset) + head + masks + palette + rows


def run_lengths(indices, bits):
    """RLE8 or RLE4 of rows that are stored from the bottom."""
    out = b""
    for row in indices:
        x = 0
        while x < len(row):
            run = 1
            while x + run < len(row) and run < 255 and row[x + run] == row[x]:
                run += 1
            literal = row[x:x + 3]
            if run < 3 and len(literal) == 3:
                values = list(literal)
                if bits == 4:
                    out += bytes([0, 3, values[0] << 4 | values[1], values[2] << 4])
                else:
                    out += bytes([0, 3, *values, 0])
                x += 3
            else:
                value = int(row[x])
                out += bytes([run, value << 4 | value if bits == 4 else value])
                x += run
        out += b"\0\0"
    return out[:-2] + b"\0\1"


def bmps(m):
    rng = np.random.default_rng(8)
    for height, width in [(16, 16), (37, 53), (9, 131), (8, 30)]:
        rgb = photo(height, width)
        size = f"{width}x{height}"
        for mode in ("1", "L", "P", "RGB", "RGBA"):
            image = Image.fromarray(rgb).convert(mode) if mode != "P" else Image.fromarray(rgb).quantize(37)
            expected = np.asarray(image.convert("L" if mode in "1L" else "RGB"))
            m.add("bmp by Pillow", f"{size}_{mode}.bmp", saved(image, "BMP"), expected)
        for top_down in (False, True):
            stored = rgb if top_down else rgb[::-1]

            def padded(rows, filling=0):
                return b"".join(row.tobytes() + bytes(-len(row.tobytes()) % 4) for row in rows)

            for bits in (24, 32):
                bgr = stored[..., ::-1]
                if bits == 32:
                    bgr = np.concatenate([bgr, np.zeros_like(bgr[..., :1])], 2)
                data = bmp_of(padded(bgr), bits, width, height, top_down=top_down)
                m.add("bmp 16, 24, 32 bits", f"{size}_{bits}_{top_down}.bmp", data, rgb)
            r, g, b = (stored[..., c].astype(np.uint16) for c in range(3))
            five = (r >> 3 << 10 | g >> 3 << 5 | b >> 3).astype("<u2")
            deep = rgb.astype(int)
            expected = np.round((deep >> 3) * 255 / 31)
            m.add("bmp 16, 24, 32 bits", f"{size}_555_{top_down}.bmp", bmp_of(padded(five), 16, width, height, top_down=top_down), expected, 1)
            six = (r >> 3 << 11 | g >> 2 << 5 | b >> 3).astype("<u2")
            masks = struct.pack("<III", 0xF800, 0x7E0, 0x1F)
            expected = np.stack([np.round((deep[..., 0] >> 3) * 255 / 31), np.round((deep[..., 1] >> 2) * 255 / 63),
                                 np.round((deep[..., 2] >> 3) * 255 / 31)], 2)
            m.add("bmp 16, 24, 32 bits", f"{size}_565_{top_down}.bmp", bmp_of(padded(six), 16, width, height, 3, masks=masks, top_down=top_down), expected, 1)
            swapped = (stored[..., 0].astype(np.uint32) | stored[..., 1].astype(np.uint32) << 8 | stored[..., 2].astype(np.uint32) << 16).astype("<u4")
            masks = struct.pack("<III", 0xFF, 0xFF00, 0xFF0000)
            m.add("bmp 16, 24, 32 bits", f"{size}_swapped_{top_down}.bmp", bmp_of(padded(swapped), 32, width, height, 3, masks=masks, top_down=top_down), rgb)
            for bits in (1, 4, 8):
                index = rng.integers(0, 1 << bits, (height, width)).astype(np.uint8)
                colours = rng.integers(0, 256, (1 << bits, 3)).astype(np.uint8)
                palette = np.concatenate([colours[:, ::-1], np.zeros((1 << bits, 1), np.uint8)], 1).tobytes()
                rows = index if top_down else index[::-1]
                each = (rows[..., None] >> np.arange(bits - 1, -1, -1)) & 1
                packed = np.packbits(each.reshape(height, -1).astype(np.uint8), axis=1)
                data = bmp_of(padded(packed), bits, width, height, palette=palette, top_down=top_down)
                m.add("bmp palette", f"{size}_{bits}_{top_down}.bmp", data, colours[index])
                if bits > 1 and not top_down:
                    runs = np.repeat(index[:, ::5], 5, axis=1)[:, :width]
                    data = bmp_of(run_lengths(runs[::-1], bits), bits, width, height, 1 if bits == 8 else 2, palette=palette)
                    m.add("bmp run lengths", f"{size}_rle{bits}.bmp", data, colours[runs])


def webps(m):
    for height, width in SIZES:
        rgb = photo(height, width)
        size = f"{width}x{height}"
        image = Image.fromarray(rgb)
        rgba = image.copy()
        rgba.putalpha(Image.fromarray(np.maximum(rgb[..., 0], 1)))
        m.add("webp lossless", f"{size}.webp", saved(image, "WEBP", lossless=True), rgb)
        m.add("webp lossless", f"{size}_alpha.webp", saved(rgba, "WEBP", lossless=True, exact=True), rgb)
        m.add("webp lossless", f"{size}_grey.webp", saved(image.convert("L"), "WEBP", lossless=True), np.asarray(image.convert("L")))
        exif = Image.Exif()
        exif[0x010E] = "text"
        m.add("webp lossless", f"{size}_exif.webp", saved(image, "WEBP", lossless=True, exif=exif), rgb)
        frames = [Image.fromarray(rgb[::-1].copy())]
        m.add("webp lossless", f"{size}_animated.webp", saved(image, "WEBP", lossless=True, save_all=True, append_images=frames), rgb)
        for quality in (30, 75, 100):
            for method in (0, 4):
                data = saved(image, "WEBP", quality=quality, method=method)
                m.add("webp lossy", f"{size}_{quality}_{method}.webp", data, pillow_rgb(data), 3)
                data = saved(rgba, "WEBP", quality=quality, method=method)
                m.add("webp lossy", f"{size}_{quality}_{method}_alpha.webp", data, np.asarray(Image.open(io.BytesIO(data)))[..., :3], 3)


def gifs(m):
    for height, width in SIZES:
        rgb = photo(height, width)
        size = f"{width}x{height}"
        for colours in (2, 7, 64, 256):
            image = Image.fromarray(rgb).quantize(colours)
            for interlace in (0, 1):
                data = saved(image, "GIF", interlace=interlace)
                m.add("gif", f"{size}_{colours}_{interlace}.gif", data, pillow_rgb(data))
                data = saved(image, "GIF", interlace=interlace, transparency=1)
                m.add("gif", f"{size}_{colours}_{interlace}_t.gif", data, np.asarray(image.convert("RGB")))
        grey = Image.fromarray(rgb).convert("L")
        m.add("gif", f"{size}_grey.gif", saved(grey, "GIF"), np.asarray(grey))
        frames = [Image.fromarray(rgb[::-1].copy()).quantize(64)]
        image = Image.fromarray(rgb).quantize(64)
        data = saved(image, "GIF", save_all=True, append_images=frames)
        m.add("gif", f"{size}_animated.gif", data, np.asarray(image.convert("RGB")))


def pnms(m):
    rng = np.random.default_rng(9)
    for height, width in SIZES:
        size = f"{width}x{height}"
        for maximum in (1, 3, 255, 256, 1023, 4095, 65535):
            for channels in (1, 3):
                samples = rng.integers(0, maximum + 1, (height, width, channels))
                expected = (samples * 255.0 / maximum)[..., 0 if channels == 1 else slice(None)]
                tolerance = 0.51 if maximum < 255 else 0.01
                head = f"{width} {height}\n{maximum}\n"
                binary = samples.astype(">u2" if maximum > 255 else np.uint8).tobytes()
                m.add("pnm", f"{size}_{maximum}_{channels}.ppm", f"P{5 if channels == 1 else 6}\n# made\n{head}".encode() + binary, expected, tolerance)
                text = "\n".join(" ".join(map(str, row)) for row in samples.reshape(height, -1))
                m.add("pnm", f"{size}_{maximum}_{channels}_text.ppm", f"P{2 if channels == 1 else 3}\n{head}{text}\n".encode(), expected, tolerance)
            for depth in (1, 2, 3, 4):
                samples = rng.integers(0, maximum + 1, (height, width, depth))
                expected = samples[..., 0] if depth < 3 else samples[..., :3]
                head = f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {depth}\nMAXVAL {maximum}\nTUPLTYPE X\nENDHDR\n"
                binary = samples.astype(">u2" if maximum > 255 else np.uint8).tobytes()
                m.add("pnm", f"{size}_{maximum}_{depth}.pam", head.encode() + binary, expected * 255.0 / maximum, 0.51 if maximum < 255 else 0.01)
        bits = rng.integers(0, 2, (height, width)).astype(np.uint8)
        m.add("pnm", f"{size}.pbm", f"P4 {width} {height}\n".encode() + np.packbits(bits, axis=1).tobytes(), (1 - bits) * 255)
        text = "\n".join("".join(map(str, row)) for row in bits)
        m.add("pnm", f"{size}_text.pbm", f"P1\n{width} {height}\n{text}\n".encode(), (1 - bits) * 255)


def run(m, verbose):
    subprocess.run(["cargo", "build", "-q", "-j2", "-p", "anoseg-image", "--example", "decode"], cwd=ROOT, check=True)
    program = ROOT / "target/debug/examples/decode"
    out = m.folder / "out"
    lines = []
    table = defaultdict(lambda: defaultdict(int))
    worst = defaultdict(float)
    for begin in range(0, len(m.cases), 500):
        part = m.cases[begin:begin + 500]
        done = subprocess.run([program, out, *(case[2] for case in part)], capture_output=True, text=True, check=True)
        if done.stderr:
            print(f"on stderr: {done.stderr[:400]}")
            table["(messages on stderr)"]["wrong"] += 1
        for (group, name, path, expected, tolerance, refused), line in zip(part, done.stdout.splitlines()):
            i, kind, rest = line.split(" ", 2)
            outcome, detail = kind, rest
            if kind == "read":
                width, height, *_ = map(int, rest.split())
                got = np.fromfile(out / f"{i}.f32", "<f4").reshape(3, height, width).transpose(1, 2, 0) * 255.0
                if expected is None or got.shape != expected.shape:
                    outcome = "wrong"
                else:
                    difference = float(np.abs(got - expected).max())
                    outcome = "equal" if difference <= tolerance + 1e-3 else "wrong"
                    detail = f"differs by {difference:.3f}"
                    if outcome == "equal":
                        worst[group] = max(worst[group], difference)
            elif kind in ("unsupported", "limit"):
                outcome = "refused"
            else:
                outcome = "damaged"
            if refused and outcome in ("equal", "wrong"):
                outcome = "wrong"
            table[group][outcome] += 1
            if outcome in ("wrong", "damaged") or verbose and outcome == "refused":
                print(f"{outcome}: {group}: {path.name}: {detail}")
    columns = ["equal", "refused", "wrong", "damaged"]
    print(f"\n| variant | {' | '.join(columns)} | largest difference |\n|---|{'---|' * 5}")
    total = defaultdict(int)
    for group, counts in table.items():
        print(f"| {group} | {' | '.join(str(counts[c]) for c in columns)} | {worst[group]:.2f} |")
        for c in columns:
            total[c] += counts[c]
    print(f"| all | {' | '.join(str(total[c]) for c in columns)} | |")
    return total["wrong"] + total["damaged"] == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", type=Path, help="write the files here and keep them")
    parser.add_argument("--only", default="", help="only groups that begin so")
    parser.add_argument("--verbose", action="store_true", help="name what was refused")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        m = Matrix(folder, options.only)
        for make in MAKERS:
            make(m)
        sys.exit(0 if run(m, options.verbose) else 1)


MAKERS = [jpegs, tiffs, pngs, bmps, webps, gifs, pnms]

if __name__ == "__main__":
    main()
