#!/usr/bin/env python3
"""Measures whether the false-reject rate on new images is the one asked for, on good images alone.

    cargo build --release
    pip install scipy
    scripts/calibration_study.py DATA_ROOT OUT [--preset accurate] [--steps 400] [--seeds 10]

A third of each category's good images (train/good and test/good) is used for training. The others
are split anew with every seed: two thirds are used for calibration, the rest is measured. A seed
keeps the rate if the rate lies inside the exact (Clopper-Pearson) 95 % interval of the share
rejected. The splits of one category overlap and share a model, so they are not independent.

Prints a Markdown table and writes OUT/calibration.json. Models in OUT are kept and used again.
"""

import argparse
import json
import random
import shutil
import subprocess
from pathlib import Path

from scipy.stats import binomtest

RATES = [0.01, 0.05]


def anoseg(program, *arguments):
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"anoseg {' '.join(map(str, arguments))}\n{done.stderr}")


def folder_of(images, folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for image in images:
        # Names may repeat between train and test, and between kinds of defects.
        (folder / f"{image.parent.parent.name}-{image.parent.name}-{image.name}").symlink_to(image)
    return folder


def verdicts(program, model, images, out):
    shutil.rmtree(out, ignore_errors=True)
    anoseg(program, "predict", model, images, "-o", out)
    return [json.loads(line) for line in (out / "verdicts.jsonl").read_text().splitlines()]


def study(program, category, out, preset, steps, seeds):
    good = [*(category / "train/good").iterdir(), *(category / "test/good").iterdir()]
    good = sorted(path.resolve() for path in good)
    random.Random(category.name).shuffle(good)
    learned, unseen = good[: len(good) // 3], sorted(good[len(good) // 3 :])
    trained = out / f"{category.name}-{preset}-steps{steps}.anoseg"
    if not trained.is_file():
        settings = ["--preset", preset, "--steps", steps]
        anoseg(program, "train", folder_of(learned, out / "learned"), "-o", trained, *settings)
    model = out / "calibrated.anoseg"
    rows = []
    for seed in range(seeds):
        images = unseen.copy()
        random.Random(seed).shuffle(images)
        cut = 2 * len(images) // 3
        calibrated, measured = folder_of(images[:cut], out / "normals"), folder_of(images[cut:], out / "fresh")
        for rate in RATES:
            shutil.copy(trained, model)
            anoseg(program, "calibrate", model, calibrated, "--false-reject", rate)
            found = verdicts(program, model, measured, out / "verdicts")
            rejected = sum(verdict["decision"] == "reject" for verdict in found)
            interval = binomtest(rejected, len(found)).proportion_ci(method="exact")
            rows.append(
                {
                    "category": category.name,
                    "seed": seed,
                    "promised": rate,
                    "calibrated_on": cut,
                    "measured": len(found),
                    "rejected": rejected,
                    "held": bool(interval.low <= rate <= interval.high),
                }
            )
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of categories")
    parser.add_argument("out", type=Path, help="folder for models and results")
    parser.add_argument("--categories", nargs="+", default=["bottle", "tile", "cookie"])
    parser.add_argument("--preset", default="fast")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--anoseg", default="target/release/anoseg", help="the program")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    rows = []
    print("| data | promised | calibrated on | rule | rejected, all seeds | rate met | seeds that held |")
    print("|---|---|---|---|---|---|---|")
    for category in options.categories:
        recipe = (options.preset, options.steps, options.seeds)
        found = study(options.anoseg, options.data / category, options.out, *recipe)
        rows += found
        for rate in RATES:
            some = [row for row in found if row["promised"] == rate]
            rejected, measured = (sum(row[key] for row in some) for key in ("rejected", "measured"))
            # The order statistic of the conformal rule exists from 1 / rate - 1 images on.
            rule = "conformal" if some[0]["calibrated_on"] >= round(1 / rate) - 1 else "Gumbel"
            print(
                f"| {category} | {rate:.0%} | {some[0]['calibrated_on']} | {rule} | {rejected} of {measured} "
                f"| {rejected / measured:.1%} | {sum(row['held'] for row in some)} of {len(some)} |",
                flush=True,
            )
    (options.out / "calibration.json").write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
