#!/usr/bin/env python3
"""Makes a category to evaluate on out of synthetic anomalies, so that settings can be chosen without any test picture.

    anoseg synth DATA/bottle --preset fast --seed 99 --count 80 --out pairs
    pip install numpy pillow
    scripts/made_up_category.py pairs made-up
    anoseg eval MODEL made-up

Fit for models that learn from the other family of anomalies (presets `paper` and `fast`) only: on its own family a model shows
what it has practised. The pictures are those that models learn from, so that false alarms are not measured.
"""

import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    pairs, out = Path(sys.argv[1]) / "pairs", Path(sys.argv[2])
    folders = {name: out / name for name in ("train/good", "test/good", "test/made_up", "ground_truth/made_up")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    counts = [0, 0]
    for mask in sorted(pairs.glob("*_mask.png")):
        picture = mask.with_name(mask.name.replace("_mask", ""))
        anomalous = bool(np.asarray(Image.open(mask)).any())
        counts[anomalous] += 1
        if anomalous:
            shutil.copy(picture, folders["test/made_up"])
            shutil.copy(mask, folders["ground_truth/made_up"])
        else:
            shutil.copy(picture, folders["test/good"])
            shutil.copy(picture, folders["train/good"])
    if 0 in counts:
        sys.exit(f"{pairs}: {counts[0]} clean and {counts[1]} anomalous pairs; both kinds are needed")
    print(f"{out}: {counts[0]} clean and {counts[1]} anomalous pictures")


if __name__ == "__main__":
    main()
