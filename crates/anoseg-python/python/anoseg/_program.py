"""What the program does, and the library does not."""

from __future__ import annotations

import os
import subprocess
import warnings
from typing import Union

from ._anoseg import Model
from ._errors import ArgumentError, BugError, DataError, ModelError, ResourceError
from ._given import model_file
from ._starter import starter

_ERRORS = {2: ResourceError, 3: DataError, 4: ModelError}
_SOME_BAD_DATA = 3
_INTERRUPTED = 130


def calibrate(
    model: Union[Model, str, os.PathLike],
    images_folder: Union[str, os.PathLike],
    output: Union[str, os.PathLike],
    *,
    false_reject: float = 0.01,
) -> Model:
    """Derives the thresholds of a model anew from a folder of other good images, as `anoseg calibrate` does in a
    process of its own, and writes the model to `output`."""
    if not 0 < false_reject < 1:
        raise ArgumentError(f"false_reject is {false_reject}: give a share between 0 and 1")
    path, _ = model_file(model, "calibrated")
    output = os.fsdecode(output)
    _run("calibrate", f"--output={output}", f"--false-reject={false_reject}", "--", path, os.fsdecode(images_folder))
    return Model.load(output)


def _run(*arguments: str) -> None:
    """Runs the program. Its warnings become Python's, and its error an exception."""
    command = starter()
    if not command:
        raise ResourceError("this Python does not know its own program: run `anoseg " + arguments[0] + "` instead")
    done = subprocess.run(
        [*command, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    error = ""
    for line in done.stderr.splitlines():
        if line.startswith("warning: "):
            warnings.warn(line[len("warning: ") :], stacklevel=3)
        elif line.startswith("error: "):
            error = line[len("error: ") :]
    # Without an error, the work is done and images were left out, which warnings have told.
    if done.returncode == 0 or (done.returncode == _SOME_BAD_DATA and not error):
        return
    if done.returncode == _INTERRUPTED:
        raise KeyboardInterrupt
    raise _ERRORS.get(done.returncode, BugError)(error or done.stderr.strip())
