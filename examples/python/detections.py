"""Regions as detections, in the arrays that supervision and the form that FiftyOne take; neither is needed here.

    python detections.py part.anoseg image.png...
"""

import json
import sys

import numpy as np

import anoseg


def detections(inspection: anoseg.Inspection) -> dict:
    """The arguments of `supervision.Detections(**...)`: boxes as left, top, right, bottom, and peaks as confidence."""
    regions = inspection.regions
    boxes = [[region.x, region.y, region.x + region.width, region.y + region.height] for region in regions]
    masks = np.zeros((len(regions), *inspection.mask.shape), bool)
    for mask, (left, top, right, bottom) in zip(masks, boxes):
        # Regions do not touch, but the boxes of two may overlap: what another has in this box is in this mask, too.
        mask[top:bottom, left:right] = inspection.mask[top:bottom, left:right]
    return {
        "xyxy": np.array(boxes, np.float32).reshape(-1, 4),
        "confidence": np.array([region.peak for region in regions], np.float32),
        "class_id": np.zeros(len(regions), int),
        "mask": masks,
    }


def fiftyone_detections(inspection: anoseg.Inspection) -> list:
    """The arguments of each `fiftyone.Detection(**...)`: boxes as left, top, width, height, in shares of the image."""
    height, width = inspection.map.shape
    return [
        {
            "label": "anomaly",
            "bounding_box": [region.x / width, region.y / height, region.width / width, region.height / height],
            "confidence": region.peak,
            "mask": inspection.mask[region.y : region.y + region.height, region.x : region.x + region.width],
        }
        for region in inspection.regions
    ]


def main() -> None:
    model = anoseg.Model.load(sys.argv[1])
    for path in sys.argv[2:]:
        inspection = model.inspect_file(path)
        found = detections(inspection)
        assert len(found["xyxy"]) == len(fiftyone_detections(inspection))
        boxes, peaks = found["xyxy"].tolist(), found["confidence"].tolist()
        print(json.dumps({"file": path, "decision": inspection.decision, "boxes": boxes, "peaks": peaks}))


if __name__ == "__main__":
    main()
