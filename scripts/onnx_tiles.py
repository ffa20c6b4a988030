#!/usr/bin/env python3
"""Score, decision and map of `anoseg predict`, of a model on tiles that was exported without --with-preprocessing."""
import json, sys, numpy as np, onnxruntime
from PIL import Image, ImageOps


def starts(length, side, overlap, step):  # where tiles begin along a side
    every, most = -(-max(length - side, 0) // step), max((side - overlap) // step, 1)
    gaps = -(-every // most)
    return [i * every // gaps * step for i in range(gaps + 1)] if gaps else [0]


def shares(begins, side, length):  # of each tile in the map, [tiles, length]
    passed = lambda distance, common: np.clip((distance - common / 4) / max(common / 2, 1), 0, 1)
    place = np.arange(length) + 0.5 - np.array(begins)[:, None]
    found = ((place > 0) & (place < side)).astype(float)
    for i, common in enumerate(a + side - b for a, b in zip(begins, begins[1:])):
        found[i : i + 2] = np.minimum(found[i : i + 2], [passed(side - place[i], common), passed(place[i + 1], common)])
    return found / found.sum(0)


def blur(values, sigma, inside):  # a mean of values inside alone
    kernel = np.exp(-0.5 * (np.arange(-np.ceil(3 * sigma), np.ceil(3 * sigma) + 1) / sigma) ** 2)
    line = lambda row: np.convolve(np.pad(row, len(kernel) // 2, "edge"), kernel / kernel.sum(), "valid")
    both = lambda plane: np.apply_along_axis(line, 1, np.apply_along_axis(line, 0, plane))
    return np.where(inside, both(values * inside) / np.maximum(both(inside * 1.0), 1e-9), values)


def counted(region, width, height):  # the pixels of an image of width x height that are in the region
    found = np.ones((height, width), bool)
    for area in region.get("inside", []) + region.get("ignored", []):
        x, y = (np.arange(width) + 0.5) * area["width"] / width, (np.arange(height) + 0.5) * area["height"] / height
        points, is_plain = sum(area.get("include", []), []), "exclude" not in area and "ignored" not in region
        is_box = is_plain and [len(points), *(len(set(side)) for side in zip(*points))] == [4, 2, 2]
        (left, top), (right, bottom) = points[::2] if is_box else sys.exit("the region of interest is not a rectangle")
        found &= ((y >= top) & (y < bottom))[:, None] & ((x >= left) & (x < right))
    return found


def inspect(session, model, image):
    pre, post, region = model["preprocess"], model["postprocess"], model["preprocess"].get("region") or {}
    tiles, filters = pre["geometry"]["tiles"], {"bilinear": Image.BILINEAR, "catmull_rom": Image.BICUBIC, "lanczos3": Image.LANCZOS}
    width, height = (max(int(s * tiles["scale"] / tiles["step"] + 0.5), 1) * tiles["step"] for s in image.size)
    planes = [c.convert("F").resize((width, height), filters[pre["filter"]]) for c in image.convert("RGB").split()]
    x, logits = np.clip(np.array(planes, np.float32) / 255, 0, 1), np.zeros((height, width))
    across, down = min(tiles["width"], width), min(tiles["height"], height)
    lefts, tops = (starts(n, s, min(tiles["overlap"], s // 2), tiles["step"]) for n, s in ((width, across), (height, down)))
    for top, rows in zip(tops, shares(tops, down, height)):
        for left, columns in zip(lefts, shares(lefts, across, width)):
            tile = (slice(top, top + down), slice(left, left + across))
            inputs = {"input": x[(None, ..., *tile)], "window": np.array([[left, top, width, height]], np.float32)}
            logits[tile] += np.outer(rows[tile[0]], columns[tile[1]]) * session.run(["logits"], inputs)[0][0, 0]
    inside, area = counted(region, width, height), min(tiles["part"], height) * min(tiles["part"], width)
    logits = blur(np.clip(logits, -9.21, 9.21), post["smoothing_px"] * area**0.5 / 256, inside) if post["smoothing_px"] else logits
    probability = lambda value: 1 / (1 + np.exp(-value))
    values = logits if post["score"] == "logits" else blur(probability(logits), 2 * area**0.5 / 256, inside)
    score = np.sort(values[inside])[-max(int(100 * area / 65536 + 0.5), 1) :].mean()
    anomaly_map = np.asarray(Image.fromarray(probability(logits).astype(np.float32)).resize(image.size, Image.BILINEAR))
    return anomaly_map * counted(region, *image.size), probability(score) if post["score"] == "logits" else score


if __name__ == "__main__":
    graph, source, target = sys.argv[1:] if len(sys.argv) == 4 else sys.exit("usage: onnx_tiles.py MODEL.onnx IMAGE MAP.tiff")
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    model = json.loads(session.get_modelmeta().custom_metadata_map["anoseg"])
    tiled = len(session.get_inputs()) == 2 and not model["preprocess"].get("alignment")
    tiled or sys.exit(f"{graph}: not a model on tiles, or one with alignment, or exported with --with-preprocessing")
    anomaly_map, score = inspect(session, model, ImageOps.exif_transpose(Image.open(source)))
    Image.fromarray(anomaly_map).save(target)
    limits, names = model["calibration"], ("review_threshold", "image_threshold")
    decision = ("good", "review", "reject")[sum(score > limits[name] for name in names)] if limits else "none"
    print(f"{score:.6f} {decision} {anomaly_map.max():.6f}")
