"""A small JPEG encoder (ITU-T T.81, standard Huffman tables) for layouts that common encoders do not write.

Any sampling, any division of the components into scans, restart markers, spectral selection, sequential or
progressive, with or without tables and end marker. Needs NumPy.
"""

import struct

import numpy as np

ZIGZAG = sorted(range(64), key=lambda k: (k // 8 + k % 8, k // 8 if (k // 8 + k % 8) % 2 else k % 8))
DC_COUNTS, DC_SYMBOLS = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], list(range(12))
AC_COUNTS = [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7D]
AC_SYMBOLS = list(bytes.fromhex(
    "01020300041105122131410613516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a343536373839"
    "3a434445464748494a535455565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7"
    "a8a9aab2b3b4b5b6b7b8b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9fa"))


def _codes(counts, symbols):
    code, table, at = 0, {}, 0
    for length, count in enumerate(counts, 1):
        for _ in range(count):
            table[symbols[at]] = (code, length)
            code, at = code + 1, at + 1
        code <<= 1
    return table


_DC, _AC = _codes(DC_COUNTS, DC_SYMBOLS), _codes(AC_COUNTS, AC_SYMBOLS)
_U, _X = np.mgrid[0:8, 0:8]
_DCT = np.where(_U == 0, np.sqrt(0.125), 0.5 * np.cos((2 * _X + 1) * _U * np.pi / 16))


def segment(marker, data):
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


class _Bits:
    def __init__(self):
        self.parts = []

    def put(self, value, length):
        if length:
            self.parts.append(format(value, f"0{length}b"))

    def value(self, value):
        size = abs(value).bit_length()
        self.put(value if value > 0 else value + (1 << size) - 1, size)

    def flush(self):
        text = "".join(self.parts)
        self.parts = []
        text += "1" * (-len(text) % 8)
        raw = int(text, 2).to_bytes(len(text) // 8, "big") if text else b""
        return raw.replace(b"\xff", b"\xff\0")


def _encode_block(bits, block, last_dc, first, last):
    """Coefficients `first` to `last` of a block in zigzag order; returns its DC value."""
    dc = int(block[0])
    if first == 0:
        bits.put(*_DC[abs(dc - last_dc).bit_length()])
        bits.value(dc - last_dc)
    run = 0
    for value in map(int, block[max(first, 1):last + 1]):
        if value == 0:
            run += 1
            continue
        while run > 15:
            bits.put(*_AC[0xF0])
            run -= 16
        bits.put(*_AC[run << 4 | abs(value).bit_length()])
        bits.value(value)
        run = 0
    if run:
        bits.put(*_AC[0])
    return dc


def _quantised(planes, sampling, step):
    """`[rows, columns, 64]` per plane, in zigzag order, filled up to whole units."""
    height, width = planes[0].shape
    across, down = max(h for h, _ in sampling), max(v for _, v in sampling)
    columns, rows = -(-width // (8 * across)), -(-height // (8 * down))
    result = []
    for plane, (h, v) in zip(planes, sampling):
        full = np.pad(plane, ((0, rows * 8 * down - height), (0, columns * 8 * across - width)), mode="edge")
        # Samples at the component's own resolution: means where that is a divisor, else nearest.
        if across % h == 0 and down % v == 0:
            fy, fx = down // v, across // h
            small = full.reshape(full.shape[0] // fy, fy, full.shape[1] // fx, fx).mean((1, 3))
        else:
            y = np.arange(rows * 8 * v) * down // v
            x = np.arange(columns * 8 * h) * across // h
            small = full[np.ix_(y, x)]
        blocks = (small - 128).reshape(small.shape[0] // 8, 8, small.shape[1] // 8, 8).transpose(0, 2, 1, 3)
        q = np.round(_DCT @ blocks @ _DCT.T / step).astype(int)
        result.append(q.reshape(*q.shape[:2], 64)[..., ZIGZAG])
    return result


def encode(planes, sampling, scans=None, step=4, restart=0, progressive=False, tables=True, end=True, ids=(1, 2, 3, 4),
           before=b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"):
    """`planes`: components as they are stored, full size. `scans`: `(components, first, last)` each."""
    height, width = planes[0].shape
    everything = tuple(range(len(planes)))
    scans = scans or [(everything, 0, 63)]
    across, down = max(h for h, _ in sampling), max(v for _, v in sampling)
    columns, rows = -(-width // (8 * across)), -(-height // (8 * down))
    blocks = _quantised([p.astype(float) for p in planes], sampling, step)
    data = b"\xff\xd8" + before + segment(0xDB, b"\0" + bytes([step] * 64))
    frame = b"".join(bytes([ids[c], h << 4 | v, 0]) for c, (h, v) in enumerate(sampling))
    data += segment(0xC2 if progressive else 0xC0, struct.pack(">BHHB", 8, height, width, len(planes)) + frame)
    if tables:
        data += segment(0xC4, b"\0" + bytes(DC_COUNTS + DC_SYMBOLS))
        data += segment(0xC4, b"\x10" + bytes(AC_COUNTS + AC_SYMBOLS))
    if restart:
        data += segment(0xDD, struct.pack(">H", restart))
    for components, first, last in scans:
        parts = b"".join(bytes([ids[c], 0]) for c in components)
        data += segment(0xDA, bytes([len(components)]) + parts + bytes([first, last, 0]))
        if len(components) == 1:
            # Alone in its scan, a component has only the blocks that its own size needs (A.2.2).
            (c,) = components
            h, v = sampling[c]
            own_columns = -(-(-(-width * h // across)) // 8)
            own_rows = -(-(-(-height * v // down)) // 8)
            units = [[(c, y, x)] for y in range(own_rows) for x in range(own_columns)]
        else:
            units = [
                [(c, y * sampling[c][1] + dy, x * sampling[c][0] + dx)
                 for c in components for dy in range(sampling[c][1]) for dx in range(sampling[c][0])]
                for y in range(rows) for x in range(columns)
            ]
        bits, last_dc = _Bits(), [0] * len(planes)
        for number, unit in enumerate(units):
            if restart and number and number % restart == 0:
                data += bits.flush() + bytes([0xFF, 0xD0 + (number // restart - 1) % 8])
                last_dc = [0] * len(planes)
            for c, y, x in unit:
                last_dc[c] = _encode_block(bits, blocks[c][y, x], last_dc[c], first, last)
        data += bits.flush()
    return data + (b"\xff\xd9" if end else b"")


def ycbcr(rgb):
    """The three planes of JFIF, as floats."""
    r, g, b = np.moveaxis(rgb.astype(float), 2, 0)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    return [y, (b - y) / 1.772 + 128, (r - y) / 1.402 + 128]
