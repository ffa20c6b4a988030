#!/usr/bin/env python3
"""What thresholds from few good images reject: further good images, and defects.

    cargo build --release
    scripts/few_images_study.py DATA_ROOT OUT [--images 24] [--steps 300] [--seeds 3] [--categories bottle tile]

For every seed so many images are drawn from train/good, and a model of preset accurate is trained on them twice:
as it is, and with a share held out in place of further trainings (calibration.folds = 0). Both are measured on all
other good images, of train/good and test/good, and on all defects. Nothing is chosen by these. Prints a Markdown
table and writes OUT/few_images.json. Models in OUT are kept and used again.
"""

import argparse
import json
import random
import shutil
from pathlib import Path

from calibration_study import anoseg, folder_of, verdicts

WAYS = {"folds": "", "held out": "[calibration]\nfolds = 0\n"}
DECISIONS = ["good", "review", "reject"]


def decisions(program, model, images, out):
    found = verdicts(program, model, folder_of(images, out / "images"), out / "verdicts")
    return {decision: sum(verdict["decision"] == decision for verdict in found) for decision in DECISIONS}


def study(program, category, out, images, steps, seed):
    good = sorted(path.resolve() for path in (category / "train/good").iterdir())
    random.Random(f"{category.name} {seed}").shuffle(good)
    learned = good[:images]
    fresh = good[images:] + sorted(path.resolve() for path in (category / "test/good").iterdir())
    kinds = [kind for kind in (category / "test").iterdir() if kind.name != "good"]
    defects = sorted(path.resolve() for kind in kinds for path in kind.iterdir())
    for way, settings in WAYS.items():
        model = out / f"{category.name}-{images}-steps{steps}-seed{seed}-{way.replace(' ', '-')}.anoseg"
        if not model.is_file():
            config = out / "settings.toml"
            config.write_text('preset = "accurate"\n' + settings)
            options = ["--config", config, "--steps", steps, "--seed", seed]
            anoseg(program, "train", folder_of(learned, out / "learned"), "-o", model, *options)
        yield {
            "category": category.name,
            "seed": seed,
            "way": way,
            "good": decisions(program, model, fresh, out),
            "defects": decisions(program, model, defects, out),
        }


def share(rows, kind, decision):
    counted = sum(row[kind][decision] for row in rows)
    return 100 * counted / sum(sum(row[kind].values()) for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--categories", nargs="+")
    parser.add_argument("--program", default="target/release/anoseg")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    program = shutil.which(args.program) or parser.error(f"there is no {args.program}")
    names = args.categories or sorted(path.name for path in args.data.iterdir() if path.is_dir())
    rows = []
    print("| data | way | good rejected | good reviewed | defects rejected | defects reviewed |")
    print("|---|---|---|---|---|---|")
    for name in names:
        for seed in range(args.seeds):
            rows += study(str(Path(program).resolve()), args.data / name, args.out, args.images, args.steps, seed)
        for way in WAYS:
            own = [row for row in rows if row["category"] == name and row["way"] == way]
            shares = [share(own, kind, decision) for kind in ("good", "defects") for decision in ("reject", "review")]
            print(f"| {name} | {way} | " + " | ".join(f"{value:.1f} %" for value in shares) + " |", flush=True)
        (args.out / "few_images.json").write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
