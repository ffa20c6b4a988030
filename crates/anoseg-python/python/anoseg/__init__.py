"""Anomaly segmentation, learned from images of good parts only.

    import anoseg

    model = anoseg.train("good-parts", "part.anoseg", minutes=10)
    inspection = model.inspect_file("part.png")
    if inspection.decision == "reject":
        print(inspection.score, inspection.regions)
"""

import os as _os

from ._anoseg import after_fork as _after_fork
from ._anoseg import Inspection, Model, Region, Thresholds, __version__, evaluate, export, train
from ._decision import Decision
from ._errors import ArgumentError, BugError, DataError, Error, ModelError, ResourceError
from ._program import calibrate
from ._progress import Progress

__all__ = [
    "ArgumentError",
    "BugError",
    "DataError",
    "Decision",
    "Error",
    "Inspection",
    "Model",
    "ModelError",
    "Progress",
    "Region",
    "ResourceError",
    "Thresholds",
    "__version__",
    "calibrate",
    "evaluate",
    "export",
    "train",
]

if hasattr(_os, "register_at_fork"):
    _os.register_at_fork(after_in_child=_after_fork)
