#!/usr/bin/env python3
"""What a model's image AUROC loses under another light than that of its training images.

    cargo build --release
    scripts/light_study.py MODEL CATEGORY OUT [--seeds 3] [--strength 1] [--program target/release/anoseg]

Every test image, good or defective, is lit anew: the exposure changes by up to 20 %, a light from one side makes one
end up to 30 % brighter than the other, the border grows up to 15 % darker than the middle, the camera's curve bends
(a power of 0.8 to 1.25), and red and blue change by up to 8 % against green. None of these is what a training draws
(`synthesis.base`). Each image draws its own light, so that good and defective images are lit alike. Masks stay as they
are. Prints a Markdown row for the images as they are and one for each seed. Needs numpy and Pillow.
"""

import argparse
import json
import shutil
import subprocess
from pathlib import Path

import numpy
from PIL import Image

KINDS = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


def relit(image, generator, strength):
    """The image, values 0 to 255, under a light that the generator draws."""

    def either_way(most):
        return strength * generator.uniform(-most, most)

    height, width = image.shape[:2]
    rows, columns = numpy.mgrid[0:height, 0:width].astype(numpy.float32)
    across, down = columns / max(width - 1, 1) - 0.5, rows / max(height - 1, 1) - 0.5
    angle = generator.uniform(0, 2 * numpy.pi)
    side = either_way(0.3) * (across * numpy.cos(angle) + down * numpy.sin(angle))
    border = -strength * generator.uniform(0, 0.15) * 2 * (across**2 + down**2)
    gain = (1 + either_way(0.2)) * (1 + side + border)
    power = numpy.exp(either_way(numpy.log(1.25)))
    balance = numpy.array([1 + either_way(0.08), 1, 1 + either_way(0.08)], dtype=numpy.float32)
    values = image.astype(numpy.float32) / 255
    colours = balance if image.ndim == 3 else 1
    gain = gain[..., None] if image.ndim == 3 else gain
    return numpy.clip(255 * (values**power) * gain * colours + 0.5, 0, 255).astype(numpy.uint8)


def light(category, out, seed, strength):
    """A copy of the category in `out` with its test images lit anew."""
    shutil.rmtree(out, ignore_errors=True)
    for part in ("train", "ground_truth"):
        if (category / part).is_dir():
            (out / part).parent.mkdir(parents=True, exist_ok=True)
            (out / part).symlink_to((category / part).resolve())
    for path in sorted((category / "test").rglob("*")):
        if path.suffix.lower() not in KINDS:
            continue
        name = path.relative_to(category)
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        image = Image.open(path)
        image = image if image.mode in ("L", "RGB") else image.convert("RGB")
        generator = numpy.random.default_rng([seed, *name.as_posix().encode()])
        Image.fromarray(relit(numpy.asarray(image), generator, strength)).save((out / name).with_suffix(".png"))
    return out


def figures(program, model, category, out):
    subprocess.run([program, "eval", model, category, "--json", out], check=True, stdout=subprocess.DEVNULL)
    return json.loads(out.read_text())


def row(name, found, before):
    values = [found["image_auroc"], found["pixel_auroc"], found["pixel_ap"], found["aupro_30"]]
    drop = before["image_auroc"] - found["image_auroc"]
    return f"| {name} | " + " | ".join(f"{value:.3f}" for value in values) + f" | {drop:+.3f} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("category", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--strength", type=float, default=1.0)
    parser.add_argument("--program", type=Path, default=Path("target/release/anoseg"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    before = figures(options.program, options.model, options.category, options.out / "before.json")
    print("| light | image AUROC | pixel AUROC | pixel AP | AUPRO 0.3 | drop of image AUROC |\n|---|---|---|---|---|---|")
    print(row("as it is", before, before))
    drops = []
    for seed in range(options.seeds):
        lit = light(options.category, options.out / f"light{seed}", seed, options.strength)
        after = figures(options.program, options.model, lit, options.out / f"light{seed}.json")
        drops.append(before["image_auroc"] - after["image_auroc"])
        print(row(f"lit anew, seed {seed}", after, before), flush=True)
    print(f"\nMean drop of image AUROC: {sum(drops) / len(drops):.3f}")


if __name__ == "__main__":
    main()
