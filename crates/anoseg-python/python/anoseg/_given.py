"""Models as they are given to functions."""

from __future__ import annotations

import os
from typing import Union

from ._anoseg import Model
from ._errors import ArgumentError, ModelError


def model_file(model: Union[Model, str, bytes, os.PathLike], what: str) -> tuple:
    """The file of a model, and the model in it. It must be the one that is given. `what` cannot be done with a model from
    bytes, such as "calibrated"."""
    path = model.path if isinstance(model, Model) else model
    if path is None:
        raise ArgumentError(f"a model from bytes cannot be {what}: write the bytes to a file, and give its path")
    path = os.fsdecode(path)
    loaded = Model.load(path)
    if isinstance(model, Model) and loaded.digest != model.digest:
        raise ModelError(f"{path}: the file holds another model than the one that was loaded from it")
    return path, loaded
