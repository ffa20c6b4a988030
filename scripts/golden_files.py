#!/usr/bin/env python3
"""Makes the files that each later version is tested against: tiny models of every preset, their graphs and results.

    pip install pillow
    scripts/golden_files.py PROGRAM crates/anoseg-infer/tests/fixtures/releases/VERSION

PROGRAM is `anoseg` of the release. It is run in a temporary folder: presets `fast` and `paper` are trained for some
seconds on parts of `anoseg demo`. Preset `accurate` needs pretrained weights of 3 MB; its models have
generated ones and are written by a test of anoseg-export. Then the program derives thresholds, exports the graphs and
inspects one image. A folder that is already there is refused: kept files never change.
"""

import gzip
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
SIZE = (80, 48)
# Steps, seed and settings. Further steps of `paper` at so few channels make a score that differs by 1e-3 between
# processors.
TRAINED = {
    "fast": (1500, 0, "preset = 'fast'\n[input]\nsize = 64\n[architecture]\nwidths = [3, 5]\n"),
    "paper": (40, 2, "preset = 'paper'\n[input]\nsize = 256\n[architecture]\nwidth = 0.01\n"),
}
INSPECTED = "test/contamination/000.png"


def shrink(source, target):
    """The middle of a square image at a size that keeps the files small."""
    image = Image.open(source).convert("RGB")
    width, height = image.size
    rows = width * SIZE[1] // SIZE[0]
    top = (height - rows) // 2
    target.parent.mkdir(parents=True, exist_ok=True)
    image.resize(SIZE, Image.BOX, (0, top, width, top + rows)).save(target)


def packed(source, target):
    # Without a time, so that the same content gives the same file.
    target.write_bytes(gzip.compress(source.read_bytes(), 9, mtime=0))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    program, out = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        run = lambda *command, **more: subprocess.run(list(map(str, command)), cwd=folder, check=True, **more)
        run(program, "demo", "--out", "demo", "--time", "1s", capture_output=True)
        part = folder / "demo/token/data/token"
        for source in sorted(part.glob("train/good/*.png")):
            shrink(source, folder / "good" / source.name)
        shrink(part / INSPECTED, out / "image.png")
        for preset, (steps, seed, settings) in TRAINED.items():
            (folder / "settings.toml").write_text(settings)
            budget = ["--steps", steps, "--seed", seed]
            run(program, "train", "good", "-o", f"{preset}.anoseg", "--config", "settings.toml", *budget)
        test = ["cargo", "test", "-p", "anoseg-export", "--test", "golden", "--", "--ignored", "--exact"]
        environment = {**os.environ, "ANOSEG_GOLDEN": str(folder)}
        subprocess.run([*test, "write_models_of_preset_accurate"], cwd=ROOT, env=environment, check=True)
        expected = {}
        for name in ["fast", "paper", "accurate", "accurate_tiles"]:
            model, tiled = f"{name}.anoseg", name == "accurate_tiles"
            if name.startswith("accurate"):
                run(program, "calibrate", model, "good")
            # Tiles are cut and joined outside of the graph, which takes the network's input then.
            run(program, "export", model, "--onnx", "m.onnx", *([] if tiled else ["--with-preprocessing"]))
            run(program, "predict", model, out / "image.png", "--output", name, "--map")
            line = json.loads((folder / name / "verdicts.jsonl").read_text())
            (folder / name / line["files"]["map"]).rename(out / f"{name}_map.tiff")
            packed(folder / model, out / f"{model}.gz")
            packed(folder / "m.onnx", out / f"{name}.onnx.gz")
            expected[name] = {"tiled": tiled, "score": line["score"], "decision": line["decision"]}
    (out / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")


if __name__ == "__main__":
    main()
