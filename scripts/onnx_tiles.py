#!/usr/bin/env python3
"""Inspects an image of any size with an exported model on tiles (`anoseg export`, without preprocessing): map and score
of `anoseg predict` for 8-bit images, in the rectangle BOX of the image alone if given. Needs numpy, onnxruntime, pillow.

    onnx_tiles.py MODEL.onnx IMAGE MAP.tiff [LEFT,TOP,WIDTH,HEIGHT]
"""
import json, sys
import numpy as np, onnxruntime
from PIL import Image


def starts(length, side, overlap, step):  # where tiles begin along a side
    every, most = -(-max(length - side, 0) // step), max((side - overlap) // step, 1)
    gaps = -(-every // most)
    return [i * every // gaps * step for i in range(gaps + 1)] if gaps else [0]


def shares(begins, side, length):  # of each tile in the map, [tiles, length]
    passed = lambda distance, common: np.clip((distance - common / 4) / max(common / 2, 1), 0, 1)
    place = np.arange(length) + 0.5 - np.array(begins)[:, None]
    found = ((place > 0) & (place < side)).astype(float)
    for i, common in enumerate(a + side - b for a, b in zip(begins, begins[1:])):
        found[i] = np.minimum(found[i], passed(side - place[i], common))
        found[i + 1] = np.minimum(found[i + 1], passed(place[i + 1], common))
    return found / found.sum(0)


def blur(values, sigma, inside):  # a mean of values inside alone
    kernel = np.exp(-0.5 * (np.arange(-np.ceil(3 * sigma), np.ceil(3 * sigma) + 1) / sigma) ** 2)
    line = lambda row: np.convolve(np.pad(row, len(kernel) // 2, "edge"), kernel / kernel.sum(), "valid")
    both = lambda plane: np.apply_along_axis(line, 1, np.apply_along_axis(line, 0, plane))
    return np.where(inside, both(values * inside) / np.maximum(both(inside * 1.0), 1e-9), values)


def rectangle(box, size, width, height):  # which pixels of an image of `size` at width x height are inside
    left, top, across, down = box or (0, 0, *size)
    x, y = (np.arange(width) + 0.5) * size[0] / width, (np.arange(height) + 0.5) * size[1] / height
    return ((y >= top) & (y < top + down))[:, None] & ((x >= left) & (x < left + across))


def inspect(session, image, box=None):
    model = json.loads(session.get_modelmeta().custom_metadata_map["anoseg"])
    tiles, post = model["preprocess"]["geometry"]["tiles"], model["postprocess"]
    width, height = (max(int(s * tiles["scale"] / tiles["step"] + 0.5), 1) * tiles["step"] for s in image.size)
    taps = {"bilinear": Image.BILINEAR, "catmull_rom": Image.BICUBIC, "lanczos3": Image.LANCZOS}[model["preprocess"]["filter"]]
    channels = [np.asarray(c.convert("F").resize((width, height), taps)) for c in image.convert("RGB").split()]
    x = np.clip(np.array(channels, np.float32) / 255, 0, 1)
    across, down = min(tiles["width"], width), min(tiles["height"], height)
    lefts, tops = (starts(n, s, min(tiles["overlap"], s // 2), tiles["step"]) for n, s in ((width, across), (height, down)))
    logits = np.zeros((height, width))
    for top, rows in zip(tops, shares(tops, down, height)):
        for left, columns in zip(lefts, shares(lefts, across, width)):
            tile = (slice(top, top + down), slice(left, left + across))
            inputs = {"input": x[None, :, *tile], "window": np.array([[left, top, width, height]], np.float32)}
            logits[tile] += np.outer(rows[tile[0]], columns[tile[1]]) * session.run(["logits"], inputs)[0][0, 0]
    inside, area = rectangle(box, image.size, width, height), min(tiles["part"], height) * min(tiles["part"], width)
    if post["smoothing_px"] > 0:
        logits = blur(np.clip(logits, -9.21, 9.21), post["smoothing_px"] * area**0.5 / 256, inside)
    probability = lambda value: 1 / (1 + np.exp(-value))
    values = logits if post["score"] == "logits" else blur(probability(logits), 2 * area**0.5 / 256, inside)
    score = np.sort(values[inside])[-max(int(100 * area / 65536 + 0.5), 1) :].mean()
    anomaly_map = np.asarray(Image.fromarray(probability(logits).astype(np.float32)).resize(image.size, Image.BILINEAR))
    return anomaly_map * rectangle(box, image.size, *image.size), probability(score) if post["score"] == "logits" else score


if __name__ == "__main__":
    given = [int(number) for number in sys.argv[4].split(",")] if len(sys.argv) > 4 else None
    session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
    anomaly_map, score = inspect(session, Image.open(sys.argv[2]), given)
    Image.fromarray(anomaly_map).save(sys.argv[3])
    print(f"{score:.6f} {anomaly_map.max():.6f}")
