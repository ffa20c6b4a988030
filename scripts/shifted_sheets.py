#!/usr/bin/env python3
"""Generates a category of printed sheets that fill the image, each shifted and turned a little, to measure
`train --align` on scenes in which no part stands out from a plain background.

    pip install numpy pillow
    scripts/shifted_sheets.py OUT/sheet [--shift PIXELS] [--degrees DEGREES] [--seed SEED]

60 good images of 320 x 320 pixels to train on; 20 good ones and 10 of each of three defects (a spot, a
scratch, a missing mark of the print) to test on, in MVTec AD layout. The print is the same on all
sheets; light, sensor noise and grain of the paper differ.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIDE = 320
# Pixels of the drawing for each of the image, and its side: sheets reach beyond the image.
FINE = 3
DRAWN = 480 * FINE
DEFECTS = ("spot", "scratch", "missing_mark")


def marks(rng):
    """The print: kind, box in pixels of the drawing, and colour."""
    inks = [(34, 40, 66), (150, 40, 36), (30, 96, 70), (70, 70, 74)]
    found = []
    for _ in range(260):
        x, y = rng.uniform(0, DRAWN, 2)
        across, down = np.exp(rng.uniform(np.log(5), np.log(34), 2)) * FINE
        kind = rng.choice(["box", "frame", "disc", "text"])
        if kind == "disc":
            down = across
        found.append((kind, (x, y, x + across, y + down), inks[rng.integers(len(inks))], rng.integers(1 << 30)))
    return found


def draw(sheet, mark):
    kind, box, ink, seed = mark
    if kind == "box":
        sheet.rectangle(box, fill=ink)
    elif kind == "frame":
        sheet.rectangle(box, outline=ink, width=2 * FINE)
    elif kind == "disc":
        sheet.ellipse(box, fill=ink)
    else:
        rng = np.random.default_rng(seed)
        left, top, right, bottom = box
        for y in np.arange(top, bottom, 6 * FINE):
            x = left
            while x < right:
                length = rng.uniform(2, 7) * FINE
                sheet.rectangle((x, y, min(x + length, right), y + 2 * FINE), fill=ink)
                x += length + 2 * FINE


def smooth(rng, side, cells):
    """Noise of mean 0 that varies over `cells` cells a side."""
    values = Image.fromarray(rng.normal(size=(cells, cells)).astype(np.float32))
    return np.asarray(values.resize((side, side), Image.BICUBIC))


def photograph(sheet, pose):
    """The image of a drawing in a pose (shift in pixels, angle in degrees)."""
    (dx, dy), degrees = pose
    cos, sin = np.cos(np.radians(degrees)) * FINE, np.sin(np.radians(degrees)) * FINE
    # From the image to the drawing.
    cx, cy = SIDE / 2 + dx, SIDE / 2 + dy
    terms = (cos, sin, DRAWN / 2 - cos * cx - sin * cy, -sin, cos, DRAWN / 2 + sin * cx - cos * cy)
    return sheet.transform(
        (SIDE * 2, SIDE * 2),
        Image.AFFINE,
        tuple(term / 2 if i % 3 < 2 else term for i, term in enumerate(terms)),
        Image.BICUBIC,
    ).resize((SIDE, SIDE), Image.BOX)


def finish(image, rng):
    """Light, grain and sensor noise."""
    values = np.asarray(image, dtype=np.float32) / 255
    light = 1 + 0.04 * rng.normal() + 0.03 * smooth(rng, SIDE, 3)
    values = values * light[..., None] + 0.012 * smooth(rng, SIDE, SIDE // 3)[..., None]
    values = values + rng.normal(scale=0.012, size=values.shape)
    return Image.fromarray((values.clip(0, 1) * 255).round().astype(np.uint8))


def defective(print_marks, defect, rng):
    """Drawing without and with the defect."""
    around = DRAWN / 2 + rng.uniform(-105, 105, 2) * FINE
    drop = None
    if defect == "missing_mark":
        size = [(m[1][2] - m[1][0]) * (m[1][3] - m[1][1]) for m in print_marks]
        middle = [((m[1][0] + m[1][2]) / 2, (m[1][1] + m[1][3]) / 2) for m in print_marks]
        near = sorted(range(len(print_marks)), key=lambda i: np.hypot(*(np.array(middle[i]) - around)))
        drop = next(i for i in near if (9 * FINE) ** 2 < size[i] < (30 * FINE) ** 2)
    without = sheet_of(print_marks)
    with_it = sheet_of([m for i, m in enumerate(print_marks) if i != drop])
    pen = ImageDraw.Draw(with_it)
    if defect == "spot":
        radius = rng.uniform(2.5, 5.5) * FINE
        pen.ellipse((*(around - radius), *(around + radius)), fill=tuple(int(v) for v in rng.integers(20, 230, 3)))
    if defect == "scratch":
        angle, points = rng.uniform(0, 2 * np.pi), [around]
        for _ in range(8):
            angle += rng.normal(scale=0.2)
            points.append(points[-1] + rng.uniform(4, 7) * FINE * np.array([np.cos(angle), np.sin(angle)]))
        pen.line([tuple(p) for p in points], fill=(120, 116, 104), width=int(1.6 * FINE))
    return without, with_it


def sheet_of(print_marks):
    sheet = Image.new("RGB", (DRAWN, DRAWN), (222, 214, 196))
    pen = ImageDraw.Draw(sheet)
    for mark in print_marks:
        draw(pen, mark)
    return sheet


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--shift", type=float, default=16.0, help="most pixels to either side")
    parser.add_argument("--degrees", type=float, default=4.0, help="most degrees to either side")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print_marks = marks(np.random.default_rng([options.seed, 1]))
    good = sheet_of(print_marks)

    def pose(rng):
        return rng.uniform(-options.shift, options.shift, 2), rng.uniform(-options.degrees, options.degrees)

    def folder(name):
        path = options.out / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    for split, (name, count) in enumerate([("train/good", 60), ("test/good", 20)]):
        for i in range(count):
            rng = np.random.default_rng([options.seed, 2 + split, i])
            image = finish(photograph(good, pose(rng)), rng)
            image.save(folder(name) / f"{i:03}.png")
    for number, defect in enumerate(DEFECTS):
        for i in range(10):
            rng = np.random.default_rng([options.seed, 10 + number, i])
            taken = pose(rng)
            pair = [photograph(sheet, taken) for sheet in defective(print_marks, defect, rng)]
            change = np.abs(np.subtract(*[np.asarray(image, dtype=np.int16) for image in pair])).max(axis=2)
            finish(pair[1], rng).save(folder(f"test/{defect}") / f"{i:03}.png")
            mask = Image.fromarray(((change > 12) * 255).astype(np.uint8))
            mask.save(folder(f"ground_truth/{defect}") / f"{i:03}_mask.png")
    print(f"{options.out}: 60 good images to train on, 50 to test on")


if __name__ == "__main__":
    main()
