#!/usr/bin/env python3
"""The exact metrics of anoseg beside scikit-learn with SciPy, and beside adeval: same maps, one run, one machine.

    cargo build --release --workspace --examples
    pip install numpy scipy scikit-learn adeval opencv-python-headless
    benches/peers/metrics.py [IMAGES [SIDE]] [--rounds 3]

Pixel AUROC, pixel AP and AUPRO up to 0.3 of 83 images of 900 x 900 pixels unless told otherwise.
anoseg also computes its other figures in that time. The peers get arrays in memory; anoseg's time
is that of `evaluate`, its maps in memory, too. Medians; scikit-learn with SciPy runs once, since it
takes minutes. adeval counts in a thousand strips: near, not equal.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from scipy import ndimage
from sklearn import metrics

if not hasattr(np, "trapz"):  # adeval uses the name that NumPy 2.4 removed
    np.trapz = np.trapezoid
import adeval

ROOT = Path(__file__).resolve().parents[2]


def ours(images, side, folder):
    program = ROOT / "target/release/examples/scale"
    subprocess.run([program, str(images), str(side), folder], check=True, stdout=subprocess.DEVNULL)
    return json.loads((Path(folder) / "outcome.json").read_text())


def timed(function):
    begun = time.perf_counter()
    return function(), time.perf_counter() - begun


def by_scikit_learn(maps, masks):
    values, truth = maps.ravel(), masks.ravel() > 0
    auroc = metrics.roc_auc_score(truth, values)
    ap = metrics.average_precision_score(truth, values)
    shares, regions = np.zeros(maps.shape), 0
    for mask, share in zip(masks, shares):
        labels, count = ndimage.label(mask, np.ones((3, 3)))
        share[:] = np.where(labels > 0, 1 / np.bincount(labels.ravel())[labels], 0)
        regions += count
    order = np.argsort(-values, kind="stable")
    last = np.append(np.diff(values[order]) != 0, True)
    fpr = np.append(0, np.cumsum(~truth[order])[last] / np.sum(~truth))
    pro = np.append(0, np.cumsum(shares.ravel()[order])[last] / regions)
    inside = fpr < 0.3
    ends = np.append(fpr[inside], 0.3), np.append(pro[inside], np.interp(0.3, fpr, pro))
    return auroc, ap, np.trapezoid(ends[1], ends[0]) / 0.3


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=int, nargs="?", default=83)
    parser.add_argument("side", type=int, nargs="?", default=900)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    times, adeval_times = [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(options.rounds):
            outcome = ours(options.images, options.side, folder)
            times.append(outcome["seconds"])
            shape = (options.images, options.side, options.side)
            maps = np.fromfile(Path(folder) / "maps.f32", np.float32).reshape(shape)
            masks = np.fromfile(Path(folder) / "masks.u8", np.uint8).reshape(shape)
            near, seconds = timed(lambda: adeval.auroc_aupr_aupro(maps, masks))
            adeval_times.append(seconds)
        exact, exact_seconds = timed(lambda: by_scikit_learn(maps, masks))
    names = ["pixel_auroc", "pixel_ap", "aupro_30"]
    figures = [outcome["figures"][name] for name in names]
    median, adeval_median = statistics.median(times), statistics.median(adeval_times)
    print("| program | pixel AUROC | pixel AP | AUPRO 0.3 | seconds | anoseg is faster by |")
    print("|---|---|---|---|---|---|")
    rows = [
        ("anoseg", figures, median),
        ("scikit-learn and SciPy", exact, exact_seconds),
        ("adeval, CPU", near, adeval_median),
    ]
    for name, values, seconds in rows:
        text = " | ".join(f"{value:.7f}" for value in values)
        print(f"| {name} | {text} | {seconds:.2f} | {seconds / median:.1f} |")
    print(f"\npeak memory of anoseg, maps included: {outcome['memory']}")
    if max(abs(a - b) for a, b in zip(figures, exact)) > 1e-6:
        sys.exit("anoseg and scikit-learn differ")


if __name__ == "__main__":
    main()
