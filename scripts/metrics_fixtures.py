#!/usr/bin/env python3
"""Writes the fixtures that the tests of anoseg-metrics compare with.

    pip install numpy scipy scikit-learn adeval opencv-python-headless
    scripts/metrics_fixtures.py

The computation is independent of the Rust code. AUROC, average precision, F1 and IoU are
scikit-learn's, the regions are SciPy's (ndimage.label with a full 3 x 3 structure), and AUPRO
follows its definition threshold by threshold. If adeval is installed, it must agree; its bins are
made finer than the spacing of the values, so that it is exact too.

All values are multiples of 2^-10 (or 2^-20), which a float32 holds exactly. The fixtures store
them as integers.
"""

import json
from pathlib import Path

import numpy as np
from scipy import ndimage
from sklearn import metrics

try:
    if not hasattr(np, "trapz"):  # adeval uses the name that NumPy 2.4 removed
        np.trapz = np.trapezoid
    import adeval
except ImportError:
    adeval = None

OUT = Path(__file__).resolve().parent.parent / "crates/anoseg-metrics/tests/fixtures"
GOOD = "good"


# --- metrics by definition -------------------------------------------------------------------------------------


def both_classes(truth):
    return truth.any() and not truth.all()


def ranking(scores, truth):
    """AUROC, AP, the best F1 and the lowest score called positive by the best threshold."""
    scores, truth = np.asarray(scores, np.float64), np.asarray(truth, bool)
    if not both_classes(truth):
        return {"auroc": None, "ap": None, "f1_max": None, "lowest_positive": None}
    precision, recall, thresholds = metrics.precision_recall_curve(truth, scores)
    precision, recall = precision[:-1], recall[:-1]
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-300)
    best = np.flatnonzero(f1 >= f1.max() - 1e-12)[-1]  # thresholds ascend: the highest of the best
    return {
        "auroc": metrics.roc_auc_score(truth, scores),
        "ap": metrics.average_precision_score(truth, scores),
        "f1_max": float(f1[best]),
        "lowest_positive": float(thresholds[best]),
    }


def iou_max(values, truth):
    if not both_classes(truth):
        return None
    return max(metrics.jaccard_score(truth, values >= t) for t in np.unique(values))


def pro_points(maps, masks):
    """(false-positive rate, per-region overlap) for every distinct value, from the highest."""
    regions = []
    for values, mask in zip(maps, masks):
        labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
        regions += [values[labels == i] for i in range(1, count + 1)]
    normal = np.concatenate([values[~mask] for values, mask in zip(maps, masks)])
    if not regions or not normal.size:
        return None
    points = [(0.0, 0.0)]
    for t in np.unique(np.concatenate([values.ravel() for values in maps]))[::-1]:
        points.append((np.mean(normal >= t), np.mean([np.mean(region >= t) for region in regions])))
    return np.array(points)


def region_recall(maps, masks, threshold):
    """The mean share of each region above the threshold."""
    shares = []
    for values, mask in zip(maps, masks):
        labels, count = ndimage.label(mask, structure=np.ones((3, 3)))
        shares += [np.mean(values[labels == i] > threshold) for i in range(1, count + 1)]
    return float(np.mean(shares))


def aupro(points, limit):
    if points is None:
        return None
    fpr, pro = points.T
    inside = fpr < limit
    after = np.argmin(inside)  # the first point at the limit or beyond; the last point is at 1
    before = after - 1
    share = (limit - fpr[before]) / (fpr[after] - fpr[before])
    fpr = np.append(fpr[inside], limit)
    pro = np.append(pro[inside], pro[before] + share * (pro[after] - pro[before]))
    return float(np.trapezoid(pro, fpr) / limit)


def share(decisions):
    return float(np.mean(decisions)) if len(decisions) else None


def evaluate(images, thresholds):
    defective = np.array([image["defect"] != GOOD for image in images], bool)
    scores = np.array([image["score"] for image in images])
    known = [image for image in images if image["defect"] == GOOD or image["mask"] is not None]
    maps = [image["map"] for image in known]
    masks = [np.zeros(i["map"].shape, bool) if i["mask"] is None else i["mask"] for i in known]
    values = np.concatenate([m.ravel() for m in maps]) if maps else np.zeros(0)
    truth = np.concatenate([m.ravel() for m in masks]) if masks else np.zeros(0, bool)

    image_level, pixel_level = ranking(scores, defective), ranking(values, truth)
    points = pro_points(maps, masks) if maps else None
    result = {
        "images": len(images),
        "image_auroc": image_level["auroc"],
        "image_ap": image_level["ap"],
        "pixel_auroc": pixel_level["auroc"],
        "pixel_ap": pixel_level["ap"],
        "pixel_f1_max": pixel_level["f1_max"],
        "iou_max": iou_max(values, truth),
        "iou_at_threshold": None,
        "region_recall": None,
        "aupro_30": aupro(points, 0.3),
        "aupro_05": aupro(points, 0.05),
        "false_reject_rate": None,
        "detection_rate": None,
    }
    if thresholds:
        rejected = scores > thresholds["image"]
        result["false_reject_rate"] = share(rejected[~defective])
        result["detection_rate"] = share(rejected[defective])
        if truth.any():
            result["iou_at_threshold"] = metrics.jaccard_score(truth, values > thresholds["pixel"])
            result["region_recall"] = region_recall(maps, masks, thresholds["pixel"])
    second_opinion(maps, masks, result)
    return result


def second_opinion(maps, masks, result):
    """Compares with adeval's AUROC and AUPRO at 0.3; bins of less than 2^-10 make it exact here.

    Its curves begin at the highest value instead of (0, 0), so that value must not be a defect-free
    pixel's.
    """
    if adeval is None or result["aupro_30"] is None:
        return
    highest = max(m.max() for m in maps)
    if any((m[~mask] == highest).any() for m, mask in zip(maps, masks)):
        return
    spread = highest - min(m.min() for m in maps)
    if spread == 0 or any((m * 1024 % 1).any() for m in maps):
        return
    strips = int(4 * 1024 * spread) + 5
    masks = [mask.astype(np.uint8) for mask in masks]
    auroc, _, aupro_30 = adeval.auroc_aupr_aupro(maps, masks, nstrips=strips)
    print(f"    adeval: AUROC {auroc - result['pixel_auroc']:+.1e}, AUPRO {aupro_30 - result['aupro_30']:+.1e}")
    assert abs(auroc - result["pixel_auroc"]) < 1e-6 and abs(aupro_30 - result["aupro_30"]) < 1e-6


# --- cases -----------------------------------------------------------------------------------------------------


def quantise(values, levels):
    return np.round(np.asarray(values) * levels) / levels


def image(rng, defect, shape, mask=None, levels=1024, quality=0.5):
    """An image whose map is noise, raised by `quality` where anomalous."""
    noise = ndimage.gaussian_filter(rng.normal(size=shape), 1.0)
    values = quantise(noise + (quality * mask if mask is not None else 0), levels)
    score = quantise(values.max() + 0.1 * rng.normal(), min(levels, 1024))
    return {"defect": defect, "score": float(score), "map": values, "mask": mask}


def blob(shape, *boxes):
    mask = np.zeros(shape, bool)
    for y0, y1, x0, x1 in boxes:
        mask[y0:y1, x0:x1] = True
    return mask


def drawing(text):
    return np.array([[c == "#" for c in row] for row in text.split()])


def several_sizes(rng):
    """Two defect types, images of different sizes, ties, one defect without ground truth."""
    return [
        image(rng, GOOD, (9, 14)),
        image(rng, GOOD, (21, 8)),
        image(rng, GOOD, (16, 16)) | {"mask": np.zeros((16, 16), bool)},
        image(rng, "scratch", (12, 20), blob((12, 20), (2, 3, 1, 15), (7, 10, 4, 8))),
        image(rng, "scratch", (17, 11), blob((17, 11), (0, 4, 6, 11))),
        image(rng, "scratch", (10, 10)),
        image(rng, "dent", (24, 18), blob((24, 18), (10, 20, 3, 12), (1, 2, 16, 17)), quality=0.2),
        image(rng, "dent", (7, 7), blob((7, 7), (3, 4, 3, 4))),
    ]


def ties(rng):
    """Few distinct values; tied scores too."""
    images = several_sizes(rng)
    for entry in images:
        entry["map"] = quantise(entry["map"], 4)
        entry["score"] = float(quantise(entry["score"], 2))
    return images


def fine(rng):
    """Few ties: multiples of 2^-20."""
    shape = (20, 24)
    mask = blob(shape, (3, 9, 4, 8), (12, 18, 15, 22))
    return [image(rng, GOOD, shape, levels=2**20), image(rng, "cut", shape, mask, levels=2**20, quality=0.3)]


def constant(rng):
    shape = (6, 5)
    images = [image(rng, GOOD, shape), image(rng, "hole", shape, blob(shape, (1, 3, 1, 3)))]
    for entry in images:
        entry["map"] = np.full(shape, 0.25)
        entry["score"] = 0.25
    return images


def all_good(rng):
    return [image(rng, GOOD, (5, 7)) for _ in range(3)]


def all_bad(rng):
    shape = (8, 9)
    return [image(rng, "hole", shape, blob(shape, (2, 5, i, i + 3))) for i in range(3)]


def all_anomalous(rng):
    """No defect-free pixel."""
    shape = (4, 4)
    return [image(rng, "flood", shape, np.ones(shape, bool)) for _ in range(2)]


def one_pixel(rng):
    return [image(rng, GOOD, (1, 1)), image(rng, "dot", (1, 1), np.ones((1, 1), bool))]


def perfect(rng):
    shape = (10, 12)
    mask = blob(shape, (2, 4, 2, 4), (6, 9, 5, 11))
    return [image(rng, GOOD, shape), image(rng, "hole", shape, mask, quality=50.0)]


def shapes(rng):
    """Regions of 1 to 30 pixels: touching by a corner, on the border, winding, or enclosing another."""
    masks = """
        ##......#  #########  .........  #.......#
        ##......#  #.......#  ..#...#..  .#.....#.
        ..##.....  #.###.#.#  ..#...#..  ..#...#..
        ..##....#  #.#.#.#.#  ..#...#..  ...#.#...
        ......#..  #.###..##  ..#####..  .........
        #....#..#  #......##  .........  ...#.#...
        ##..#..##  ########.  #........  ..#...#..
    """.split()
    masks = [drawing(" ".join(masks[i::4])) for i in range(4)]
    images = [image(rng, "mark", mask.shape, mask, levels=64, quality=0.4) for mask in masks]
    return [image(rng, GOOD, (7, 9), levels=64)] + images


CASES = [several_sizes, ties, fine, constant, all_good, all_bad, all_anomalous, one_pixel, perfect, shapes]


def rankings(rng):
    """Plain (score, label) lists for the functions on slices."""
    cases = {
        "random": (quantise(rng.normal(size=200), 1024), rng.random(200) < 0.3),
        "ties": (rng.integers(-3, 4, size=150), rng.random(150) < 0.5),
        "rare": (quantise(rng.normal(size=300), 64), rng.random(300) < 0.02),
        "constant": (np.zeros(20), np.arange(20) < 5),
        "all good": (quantise(rng.normal(size=10), 64), np.zeros(10, bool)),
        "all bad": (quantise(rng.normal(size=10), 64), np.ones(10, bool)),
        "reversed": (np.arange(10), np.arange(10) < 4),
        "one of each": (np.array([1, 2]), np.array([False, True])),
        "empty": (np.zeros(0), np.zeros(0, bool)),
    }
    cases["random"][0][::7] = 0.0  # a tie across the classes
    return [
        {"name": name, "scores": np.asarray(s, float).tolist(), "positive": t.tolist()} | ranking(s, t)
        for name, (s, t) in cases.items()
    ]


# --- files -----------------------------------------------------------------------------------------------------


def stored(entry, scale):
    rows = None if entry["mask"] is None else ["".join(".#"[int(v)] for v in row) for row in entry["mask"]]
    height, width = entry["map"].shape
    return {
        "defect": entry["defect"],
        "score": entry["score"],
        "width": width,
        "height": height,
        "map": (entry["map"] * scale).astype(int).ravel().tolist(),
        "mask": rows,
    }


def segmentation(name, images, thresholds):
    print(name)
    scale = 2**20 if name == "fine" else 1024
    defects = sorted({entry["defect"] for entry in images} - {GOOD})
    by_defect = {
        defect: evaluate([i for i in images if i["defect"] in (GOOD, defect)], thresholds) for defect in defects
    }
    return {
        "scale": scale,
        "thresholds": thresholds,
        "images": [stored(entry, scale) for entry in images],
        "expected": evaluate(images, thresholds),
        "by_defect": by_defect,
    }


def write(name, content):
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / f"{name}.json").write_text(json.dumps(content, separators=(",", ":")) + "\n")


def main():
    write("rankings", rankings(np.random.default_rng(1)))
    for seed, case in enumerate(CASES, start=2):
        images = case(np.random.default_rng(seed))
        # 0.25 is a value of maps and scores, to test that only values strictly above count. One case
        # has no thresholds.
        thresholds = None if case is all_bad else {"image": 0.75 if case is several_sizes else 0.25, "pixel": 0.25}
        write(case.__name__, segmentation(case.__name__, images, thresholds))


if __name__ == "__main__":
    main()
