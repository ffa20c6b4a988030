#!/usr/bin/env python3
"""Compares an exported model in ONNX Runtime and OpenVINO with `anoseg predict`.

    pip install onnx onnxruntime openvino numpy pillow
    scripts/onnx_engines.py part.anoseg images/ --anoseg target/release/anoseg

Each image is written as PNG, so that all decoders give the same pixels, and inspected by `anoseg predict
--map`. The graph gets it as the model's preprocessing would give it; that with preprocessing gets its
bytes. Models on tiles are compared on images that are one tile, with the logits of others left out. Models with a
region of interest or alignment are refused: `anoseg verify` compares them, without OpenVINO. Exits with 1 where maps or scores differ by more than 1e-4, or a decision does; weights of 16 bits may differ more.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import openvino
from PIL import Image, ImageOps

MOST = 1e-4
FILTERS = {"bilinear": Image.BILINEAR, "catmull_rom": Image.BICUBIC, "lanczos3": Image.LANCZOS}


def resize(plane, width, height, kernel=Image.BILINEAR):
    """A plane of floats at another size, as `anoseg_image::resample` gives it."""
    return np.asarray(Image.fromarray(plane, "F").resize((width, height), kernel))


def plane_size(geometry, width, height):
    """Width and height of an image at the network's scale, and whether the network takes it at once."""
    kind, g = next(iter(geometry.items()))
    if kind != "tiles":
        return g["width"], g["height"], kind == "whole" or width * g["height"] == height * g["width"]
    steps = [max(1, int(np.float32(side) * np.float32(g["scale"]) / g["step"] + 0.5)) for side in (width, height)]
    w, h = (step * g["step"] for step in steps)
    return w, h, w <= g["width"] and h <= g["height"]


def engines(path):
    """A function for each engine, from named inputs to named outputs."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    yield "ONNX Runtime", lambda inputs: dict(zip(names, session.run(names, inputs)))
    core = openvino.Core()
    # Some processors compute in 16 bits unless they are told not to.
    compiled = core.compile_model(core.read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    yield "OpenVINO", lambda inputs: {name: compiled(inputs)[name] for name in names}


def decision(score, calibration):
    reject, review = calibration["image_threshold"], calibration["review_threshold"]
    return "reject" if score > reject else "review" if score > review else "good"


def inspected(program, model, folder, out):
    """Score, decision and map of each image, by its name."""
    command = [program, "predict", model, folder, "--output", out, "--map"]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    lines = [json.loads(line) for line in (out / "verdicts.jsonl").read_text().splitlines()]
    read = lambda line: np.asarray(Image.open(out / line["files"]["map"]))
    return {Path(line["image"]).name: (line["score"], line["decision"], read(line)) for line in lines}


def network_input(pixels, description):
    """What the graph without preprocessing takes of an image, and the inputs beside it."""
    preprocess = description["preprocess"]
    height, width, _ = pixels.shape
    w, h, _ = plane_size(preprocess["geometry"], width, height)
    planes = pixels.astype(np.float32).transpose(2, 0, 1) / np.float32(255)
    kernel = FILTERS[preprocess["filter"]]
    planes = np.stack([resize(np.ascontiguousarray(plane), w, h, kernel) for plane in planes])
    inputs = {"input": np.clip(planes, 0, 1)[None]}
    if "tiles" in preprocess["geometry"]:
        inputs["window"] = np.array([[0, 0, w, h]], np.float32)
    return inputs


def compare(run, images, expected, prepare, calibration):
    """Largest differences of map and score, and how many decisions differ."""
    worst_map = worst_score = changed = 0
    for name, pixels in images.items():
        found = run(prepare(pixels))
        score, verdict, reference = expected[name]
        height, width = reference.shape
        differences = np.abs(resize(found["anomaly_map"][0, 0], width, height) - reference)
        worst_map = max(worst_map, float(differences.max()))
        worst_score = max(worst_score, abs(float(found["pred_score"][0]) - score))
        changed += decision(float(found["pred_score"][0]), calibration) != verdict
    return worst_map, worst_score, changed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("images", type=Path, help="folder, searched with those in it")
    parser.add_argument("--anoseg", default="anoseg", help="the program")
    parser.add_argument("--every", type=int, default=1, help="take one image of so many")
    options = parser.parse_args()
    files = [p for p in sorted(options.images.rglob("*")) if p.suffix.lower() in (".png", ".jpg", ".jpeg", ".bmp")]
    if not files:
        sys.exit(f"{options.images}: no images")
    failed = False
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "images").mkdir()
        images = {}
        for number, path in enumerate(files[:: options.every]):
            name = f"{number:04}.png"
            image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
            image.save(folder / "images" / name)
            images[name] = np.asarray(image)
        expected = inspected(options.anoseg, options.model, folder / "images", folder / "out")
        print("| graph | engine | images | map | score | other decisions |\n|---|---|---|---|---|---|")
        for graph, option in [("network", None), ("with preprocessing", "--with-preprocessing"), ("fp16", "--fp16")]:
            path = str(folder / "model.onnx")
            command = [options.anoseg, "export", str(options.model), "--onnx", path] + ([option] if option else [])
            subprocess.run(command, check=True, capture_output=True)
            model = onnx.load(path)
            onnx.checker.check_model(model, full_check=True)
            metadata = {entry.key: entry.value for entry in model.metadata_props}
            description = json.loads(metadata["anoseg"])
            geometry, calibration = description["preprocess"]["geometry"], description["calibration"]
            if description["preprocess"].get("region") or description["preprocess"].get("alignment"):
                sys.exit("the model has a region of interest or alignment, which the graph leaves out: anoseg verify")
            if calibration is None:
                sys.exit("the model has no thresholds: anoseg calibrate derives them")
            whole = {n: p for n, p in images.items() if plane_size(geometry, p.shape[1], p.shape[0])[2]}
            if not whole:
                sys.exit("no image is one tile: none could be compared" if "tiles" in geometry else "no image could be compared")
            as_bytes = option == "--with-preprocessing"
            prepare = (lambda p: {"input": p[None]}) if as_bytes else (lambda p: network_input(p, description))
            for engine, run in engines(path):
                found = compare(run, whole, expected, prepare, calibration)
                failed |= option != "--fp16" and (found[0] > MOST or found[1] > MOST or found[2] > 0)
                print(f"| {graph} | {engine} | {len(whole)} | {found[0]:.1e} | {found[1]:.1e} | {found[2]} |", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
