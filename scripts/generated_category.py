#!/usr/bin/env python3
"""Makes a category to evaluate on from synthetic anomalies, so that settings can be chosen without
any test image.

    anoseg synth DATA/bottle --preset fast --seed 99 --count 80 --out pairs
    pip install numpy pillow
    scripts/generated_category.py pairs generated
    anoseg eval MODEL generated

Use it only for models that were trained on the other family of anomalies (presets `paper` and
`fast`): on its own family a model is measured on its training task. The images are those that
models are trained on, so false alarms are not measured.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image


def copy(path, folder):
    # Written anew: the pairs carry the mark of results, and such files are never judged.
    Image.open(path).save(folder / path.name)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    pairs, out = Path(sys.argv[1]) / "pairs", Path(sys.argv[2])
    folders = {name: out / name for name in ("train/good", "test/good", "test/synthetic", "ground_truth/synthetic")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    counts = [0, 0]
    for mask in sorted(pairs.glob("*_mask.png")):
        image = mask.with_name(mask.name.replace("_mask", ""))
        anomalous = bool(np.asarray(Image.open(mask)).any())
        counts[anomalous] += 1
        if anomalous:
            copy(image, folders["test/synthetic"])
            copy(mask, folders["ground_truth/synthetic"])
        else:
            copy(image, folders["test/good"])
            copy(image, folders["train/good"])
    if 0 in counts:
        sys.exit(f"{pairs}: {counts[0]} clean and {counts[1]} anomalous pairs; both kinds are needed")
    print(f"{out}: {counts[0]} clean and {counts[1]} anomalous images")


if __name__ == "__main__":
    main()
