#!/usr/bin/env python3
"""Writes the fixture that imported encoders are compared with: features that timm computes.

    pip install numpy torch timm
    scripts/timm_goldens.py

Weights and image follow formulas that the test has, too, so that the fixture holds neither. Of each
stride it has the shape, mean and largest size of the features, and 64 of them.
"""

import json
from pathlib import Path

import numpy as np
import timm
import torch

OUT = Path(__file__).resolve().parent.parent / "crates/anoseg-train/tests/fixtures/timm_features.json"
NETWORKS = [
    *(f"tf_efficientnet_lite{number}" for number in range(5)),
    "efficientnet_lite0",
    "efficientnet_lite2",
    "resnet18",
    "wide_resnet50_2",
]
HEIGHT, WIDTH = 64, 96
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
SAMPLES = 64


def noise(name, count):
    """Numbers from -1 to below 1: a linear congruential generator, begun by the name."""
    state = 2166136261
    for byte in name.encode():
        state = (state ^ byte) * 16777619 % 2**32
    states = np.empty(count, np.uint32)
    for i in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        states[i] = state
    return (states >> 8).astype(np.float32) / 2**23 - 1


def formula(name, shape):
    """Weights of a size that keeps features of a deep network in range."""
    values = noise(name, int(np.prod(shape)))
    part = name.rsplit(".", 1)[1]
    if part == "running_var":
        values = 1 + values / 2
    elif len(shape) == 1:
        values = (1 if part == "weight" else 0) + values / 8
    else:
        # A power of two, so that products are exact: at most the deviation 1 / sqrt(inputs of a sum).
        values = values * 2.0 ** np.floor(np.log2(np.sqrt(6 / np.prod(shape[1:]))))
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def image():
    y, x, c = np.meshgrid(range(HEIGHT), range(WIDTH), range(3), indexing="ij")
    image = ((x * 7 + y * 13 + c * 29 + x * y) % 256 / 255).astype(np.float32)
    image = torch.from_numpy(image).permute(2, 0, 1)[None]
    return (image - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def features(network):
    whole = timm.create_model(network)
    used = timm.create_model(network, features_only=True, out_indices=(0, 1, 2, 3))
    state = used.state_dict()
    # The names of a whole network are those of a file.
    names = {name: name if name in whole.state_dict() else name.replace("blocks_", "blocks.") for name in state}
    assert all(name in whole.state_dict() for name in names.values()), network
    floats = {name: tensor for name, tensor in state.items() if tensor.is_floating_point()}
    used.load_state_dict({**state, **{name: formula(names[name], tensor.shape) for name, tensor in floats.items()}})
    with torch.no_grad():
        return [level[0].double().numpy() for level in used.eval()(image())]


def main():
    torch.set_num_threads(1)
    networks = {}
    for network in NETWORKS:
        levels = []
        for level in features(network):
            flat = level.ravel()
            places = np.linspace(0, len(flat) - 1, SAMPLES).astype(int)
            values = [float(f"{flat[place]:.7g}") for place in places]
            levels.append({"shape": level.shape, "mean": flat.mean(), "most": np.abs(flat).max(), "values": values})
        networks[network] = levels
    document = {"height": HEIGHT, "width": WIDTH, "mean": MEAN, "std": STD, "networks": networks}
    OUT.write_text(json.dumps(document) + "\n")
    print(OUT, timm.__version__)


if __name__ == "__main__":
    main()
