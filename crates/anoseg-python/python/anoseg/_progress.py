"""What a training tells."""

from __future__ import annotations

import os
from typing import Optional, TypedDict


class Progress(TypedDict, total=False):
    """What `on_progress` gets. `event` is "loaded" (train, held_out), "step" (step, total, loss, images_per_second,
    remaining), "fold" (a further training for the thresholds begins: number, of, train, held_out), "calibrating",
    "judged" (done, of), "suspects" (images, of), "fell_back" (step, message), "warning", "value_scale" or "movement"
    (message)."""

    event: str
    message: str
    train: int
    held_out: int
    step: int
    total: Optional[int]
    loss: float
    images_per_second: float
    remaining: Optional[float]
    number: int
    done: int
    of: int
    images: list[os.PathLike[str]]


Progress.__module__ = "anoseg"
