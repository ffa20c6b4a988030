#!/usr/bin/env python3
"""Recomputes every figure of an evaluation from its maps and masks, and fails where one differs.

    anoseg eval MODEL DATA --json figures.json --maps maps
    pip install numpy scipy scikit-learn pillow
    scripts/check_metrics.py DATA figures.json maps

No code of anoseg is used. AUROC and average precision are scikit-learn's, regions are SciPy's
(corners touch), and F1, IoU and AUPRO follow their definitions over all distinct thresholds. If
adeval is installed, its figures are printed too, without a check: it uses a thousand bins of equal
width, which is inaccurate where a map is nearly flat. If pyaupro is installed, the area under its
curve is compared.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage
from sklearn import metrics

TOLERANCE = 1e-6
GOOD = "good"
CORNERS = np.ones((3, 3))


def read_images(data, record, maps):
    """Each image's map, mask and region labels; mask is None for a defect without ground truth."""
    for image in record["pictures"]:
        stem, defect = Path(image["file"]).stem, image["defect"]
        with Image.open(maps / image["map"]) as file:
            values = np.asarray(file, np.float32)
        found = [data / "ground_truth" / defect / name for name in (f"{stem}_mask.png", f"{stem}.png")]
        mask = next((path for path in found if path.is_file()), None)
        if defect == GOOD:
            truth = np.zeros(values.shape, bool)
        elif mask is None:
            truth = None
        else:
            with Image.open(mask) as file:
                truth = np.asarray(file.convert("L")) > 127
            if truth.shape != values.shape:
                sys.exit(f"{mask} is {truth.shape}, its map {values.shape}")
        labels = None if truth is None else ndimage.label(truth, CORNERS)[0]
        yield {**image, "values": values, "truth": truth, "labels": labels}


def both(truth):
    return truth.any() and not truth.all()


def ranked(scores, truth):
    """AUROC and average precision."""
    if not both(truth):
        return None, None
    return metrics.roc_auc_score(truth, scores), metrics.average_precision_score(truth, scores)


def f1_max(values, truth):
    if not both(truth):
        return None
    precision, recall, _ = metrics.precision_recall_curve(truth, values)
    return float(np.max(2 * precision * recall / np.maximum(precision + recall, 1e-300)))


def pro_curve(images):
    """(false-positive rate, mean share of each region found) per distinct value, the highest first."""
    values, normal, shares, regions = [], [], [], 0
    for image in images:
        labels = image["labels"].ravel()
        areas = np.bincount(labels)
        regions += len(areas) - 1
        values.append(image["values"].ravel())
        normal.append(labels == 0)
        shares.append(np.where(labels > 0, 1 / areas[labels], 0))
    values, normal, shares = (np.concatenate(lists) for lists in (values, normal, shares))
    if regions == 0 or not normal.any():
        return None
    order = np.argsort(-values, kind="stable")
    last_of_its_value = np.append(np.diff(values[order]) != 0, True)
    fpr = np.cumsum(normal[order])[last_of_its_value] / normal.sum()
    pro = np.cumsum(shares[order])[last_of_its_value] / regions
    return np.append(0, fpr), np.append(0, pro)


def aupro(curve, limit):
    if curve is None:
        return None
    fpr, pro = curve
    inside = fpr < limit
    return np.trapezoid(np.append(pro[inside], np.interp(limit, fpr, pro)), np.append(fpr[inside], limit)) / limit


def region_recall(images, threshold):
    shares = []
    for image in images:
        labels = image["labels"]
        numbers = np.arange(1, labels.max() + 1)
        if len(numbers):
            shares.extend(ndimage.mean(image["values"] > threshold, labels, numbers))
    return float(np.mean(shares)) if shares else None


def share(values):
    return float(np.mean(values)) if len(values) else None


def figures(images, thresholds):
    """The figures that anoseg should report for these images."""
    defective = np.array([image["defect"] != GOOD for image in images])
    scores = np.array([image["score"] for image in images])
    known = [image for image in images if image["truth"] is not None]
    values = np.concatenate([image["values"].ravel() for image in known])
    truth = np.concatenate([image["truth"].ravel() for image in known])
    image_auroc, image_ap = ranked(scores, defective)
    pixel_auroc, pixel_ap = ranked(values, truth)
    best, curve = f1_max(values, truth), pro_curve(known)
    above, rejected = values > np.float32(thresholds["pixel"]), scores > thresholds["image"]
    return {
        "images": len(images),
        "image_auroc": image_auroc,
        "image_ap": image_ap,
        "pixel_auroc": pixel_auroc,
        "pixel_ap": pixel_ap,
        "pixel_f1_max": best,
        "iou_max": None if best is None else best / (2 - best),
        "iou_at_threshold": metrics.jaccard_score(truth, above) if truth.any() else None,
        "region_recall": region_recall(known, np.float32(thresholds["pixel"])),
        "aupro_30": aupro(curve, 0.3),
        "aupro_05": aupro(curve, 0.05),
        "false_reject_rate": share(rejected[~defective]),
        "detection_rate": share(rejected[defective]),
    }


def compare(name, theirs, ours):
    """Prints figures side by side. Returns how many differ."""
    wrong = 0
    for figure, value in ours.items():
        claimed = theirs.get(figure)
        same = claimed is value is None or None not in (claimed, value) and abs(claimed - value) <= TOLERANCE
        wrong += not same
        text = ["-" if v is None else f"{v:.8f}" for v in (claimed, value)]
        print(f"{name:20} {figure:18} {text[0]:>14} {text[1]:>14} {'' if same else '  DIFFERENT'}")
    return wrong


def second_opinions(images, ours):
    """Compares with other packages. Returns how many of their figures differ."""
    known = [image for image in images if image["truth"] is not None]
    same_size = len({image["values"].shape for image in known}) == 1
    try:
        if not hasattr(np, "trapz"):  # adeval uses the name that NumPy 2.4 removed
            np.trapz = np.trapezoid
        import adeval
    except ImportError:
        print("adeval is not installed: skipped")
    else:
        maps = [image["values"] for image in known]
        auroc, _, pro = adeval.auroc_aupr_aupro(maps, [image["truth"].astype(np.uint8) for image in known])
        print(f"adeval: pixel AUROC {auroc - ours['pixel_auroc']:+.1e}, AUPRO 0.3 {pro - ours['aupro_30']:+.1e}")
    try:
        import torch
        from pyaupro import PerRegionOverlap
    except ImportError:
        print("pyaupro is not installed: skipped")
        return 0
    if not same_size:
        print("pyaupro takes images of one size only: skipped")
        return 0
    curve = PerRegionOverlap(thresholds=None)
    stacked = [np.stack([image[what] for image in known]) for what in ("values", "truth")]
    curve.update(torch.from_numpy(stacked[0]), torch.from_numpy(stacked[1].astype(np.int64)))
    difference = aupro([np.asarray(axis, np.float64) for axis in curve.compute()], 0.3) - ours["aupro_30"]
    print(f"pyaupro: AUPRO 0.3 {difference:+.1e}")
    return int(abs(difference) > 1e-5)  # its rates are of single precision


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="category folder")
    parser.add_argument("json", type=Path, help="what `anoseg eval --json` wrote")
    parser.add_argument("maps", type=Path, help="what `anoseg eval --maps` wrote")
    options = parser.parse_args()
    record = json.loads(options.json.read_text())
    images = list(read_images(options.data, record, options.maps))
    ours = figures(images, record["thresholds"])
    print(f"{'':20} {'figure':18} {'anoseg':>14} {'here':>14}")
    wrong = compare(record["category"], record, ours)
    for defect, claimed in record["defects"].items():
        some = [image for image in images if image["defect"] in (GOOD, defect)]
        wrong += compare(defect, claimed, figures(some, record["thresholds"]))
    if ours["aupro_30"] is not None:
        wrong += second_opinions(images, ours)
    if wrong:
        sys.exit(f"{wrong} figures differ")
    print("all figures agree")


if __name__ == "__main__":
    main()
