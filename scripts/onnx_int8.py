#!/usr/bin/env python3
"""Compares `anoseg export --int8` with the same model in 32-bit floats: accuracy and time in each engine.

    pip install -r scripts/engines.txt
    scripts/onnx_int8.py part.anoseg DATA/part --anoseg target/release/anoseg

The scales are measured on DATA's good training images, the figures on its test images: pixel AP of the maps at
the network's size, image AUROC of the scores, and the time of an image on one thread (medians; the graphs take
turns on each image). Models on tiles are compared on images that are one tile. Exits with 1 where more than
0.01 of AP or 0.002 of AUROC is lost.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import openvino
from PIL import Image, ImageOps

from onnx_engines import decision, network_input, plane_size

MOST_LOST = {"AP": 0.01, "AUROC": 0.002}


def engines(path):
    """Map and score of named inputs, on one thread, for each engine."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    yield "ONNX Runtime", lambda inputs: session.run(["anomaly_map", "pred_score"], inputs)
    hints = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    compiled = openvino.Core().compile_model(path, "CPU", hints)
    named = lambda found: [found["anomaly_map"], found["pred_score"]]
    yield "OpenVINO", lambda inputs: named(compiled(inputs))


def truth(path, data, height, width):
    """The anomalous pixels of a test image at the network's size."""
    if path.parent.name == "good":
        return np.zeros((height, width), bool)
    (mask,) = (data / "ground_truth" / path.parent.name).glob(f"{path.stem}[_.]*")
    return np.asarray(Image.open(mask).convert("L").resize((width, height), Image.NEAREST)) > 127


def average_precision(values, positive):
    order = np.argsort(-values, kind="stable")
    hits = np.cumsum(positive[order])
    return float((hits / np.arange(1, len(hits) + 1))[positive[order]].mean())


def auroc(scores, positive):
    bad, good = scores[positive][:, None], scores[~positive][None]
    return float(((bad > good) + 0.5 * (bad == good)).mean())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path, help="a category: train/good, test, ground_truth")
    parser.add_argument("--anoseg", default="anoseg", help="the program")
    options = parser.parse_args()
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        runs = {}
        for numbers, extra in [("float32", []), ("int8", ["--int8", "--images", str(options.data)])]:
            path = f"{folder}/{numbers}.onnx"
            command = [options.anoseg, "export", str(options.model), "--onnx", path, *extra]
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            print("".join(line + "\n" for line in told.splitlines() if line.startswith(("int8", "float32"))), end="")
            model = onnx.load(path)
            onnx.checker.check_model(model, full_check=True)
            runs |= {(numbers, engine): run for engine, run in engines(path)}
        description = json.loads({entry.key: entry.value for entry in model.metadata_props}["anoseg"])
        geometry, limits = description["preprocess"]["geometry"], description["calibration"]
        found, anomalous, masks = {key: ([], [], []) for key in runs}, [], []
        for path in sorted((options.data / "test").glob("*/*")):
            pixels = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
            if not plane_size(geometry, pixels.shape[1], pixels.shape[0])[2]:
                continue
            inputs = network_input(pixels, description)
            anomalous.append(path.parent.name != "good")
            masks.append(truth(path, options.data, *inputs["input"].shape[2:]).ravel())
            for key, run in runs.items():
                begin = time.perf_counter()
                anomaly_map, score = run(inputs)
                found[key][0].append(time.perf_counter() - begin)
                found[key][1].append(anomaly_map.ravel())
                found[key][2].append(float(score[0]))
    if not any(anomalous) or all(anomalous):
        what = "no image is one tile" if "tiles" in geometry else "no image could be compared"
        sys.exit("there must be good and anomalous test images" if anomalous else what)
    positive, pixels = np.array(anomalous), np.concatenate(masks)
    print("| engine | numbers | images | AP | AUROC | largest change of a score | other decisions | ms | times |")
    print("|---|---|---|---|---|---|---|---|---|")
    figures = {}
    for (numbers, engine), (times, maps, scores) in sorted(found.items(), key=lambda entry: entry[0][1]):
        scores = np.array(scores)
        values = {"AP": average_precision(np.concatenate(maps), pixels), "AUROC": auroc(scores, positive)}
        exact, first, reference = figures.setdefault(engine, (values, np.median(times), scores))
        change = float(np.abs(scores - reference).max())
        others = sum(decision(a, limits) != decision(b, limits) for a, b in zip(scores, reference)) if limits else 0
        failed |= any(exact[name] - values[name] > most for name, most in MOST_LOST.items())
        milliseconds = 1000 * np.median(times)
        print(
            f"| {engine} | {numbers} | {len(positive)} | {values['AP']:.4f} | {values['AUROC']:.4f} | {change:.3f} "
            f"| {others} | {milliseconds:.1f} | {first / np.median(times):.2f} |"
        )
    sys.exit(failed)


if __name__ == "__main__":
    main()
