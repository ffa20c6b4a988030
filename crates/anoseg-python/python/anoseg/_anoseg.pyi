"""The extension in Rust."""

import os
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Literal, Optional, Union

import numpy as np
from numpy.typing import NDArray

from ._decision import Decision

_Path = Union[str, os.PathLike[str]]
_Order = Literal["rgb", "bgr"]
_Pixels = NDArray[Any]
_Bytes = Union[bytes, bytearray, memoryview, NDArray[np.uint8]]

__version__: str

class Region:
    """A connected region of anomalous pixels, in pixels of the image."""

    __hash__: ClassVar[None]  # type: ignore[assignment]

    def __init__(
        self, x: int, y: int, width: int, height: int, area: int, peak: float, peak_x: int, peak_y: int
    ) -> None: ...
    @property
    def x(self) -> int:
        """Left column of the bounding box."""
    @property
    def y(self) -> int:
        """Top row of the bounding box."""
    @property
    def width(self) -> int:
        """Width of the bounding box."""
    @property
    def height(self) -> int:
        """Height of the bounding box."""
    @property
    def area(self) -> int:
        """Pixels of the region."""
    @property
    def peak(self) -> float:
        """The map's value at the most anomalous pixel, 0 to 1."""
    @property
    def peak_x(self) -> int:
        """Column of that pixel."""
    @property
    def peak_y(self) -> int:
        """Row of that pixel."""

class Thresholds:
    """The thresholds of a model."""

    __hash__: ClassVar[None]  # type: ignore[assignment]
    def __init__(self, image: float, review: float, pixel: float, min_area: float, min_peak: float) -> None: ...

    @property
    def image(self) -> float:
        """An image is rejected when its score is greater."""
    @property
    def review(self) -> float:
        """An image is to be reviewed when its score is greater."""
    @property
    def pixel(self) -> float:
        """A pixel is marked when its value is greater."""
    @property
    def min_area(self) -> float:
        """A region is reported when its share of the image is greater, or its peak above min_peak."""
    @property
    def min_peak(self) -> float:
        """See min_area."""

class Inspection:
    """The result of an inspection. It can be pickled."""

    def __init__(
        self,
        score: float,
        decision: Decision,
        regions: list[Region],
        map: NDArray[np.float32],
        mask: NDArray[np.bool_],
        warnings: list[str],
    ) -> None: ...
    @property
    def score(self) -> float:
        """How anomalous the image is, 0 to 1."""
    @property
    def decision(self) -> Decision:
        """What follows."""
    @property
    def regions(self) -> list[Region]:
        """The regions, the highest peak first."""
    @property
    def map(self) -> NDArray[np.float32]:
        """How anomalous each pixel is, 0 to 1, height x width. The array is the caller's and writable."""
    @property
    def mask(self) -> NDArray[np.bool_]:
        """The pixels of the regions, height x width. The array is the caller's and writable."""
    @property
    def warnings(self) -> list[str]:
        """What makes the result doubtful, in words; usually nothing."""

class Model:
    """A model that is ready to inspect images. Several threads may use it at a time.

    It can be pickled where it was loaded from a file: path and digest are stored, and the file must hold the same
    model where it is loaded again."""

    @staticmethod
    def load(path: _Path, threads: int = 0) -> Model:
        """Loads a model file. The model computes on `threads` threads of its own; 0: on threads that all such models
        share, one for each processor."""
    @staticmethod
    def from_bytes(data: _Bytes, threads: int = 0) -> Model:
        """The same from the bytes of a model file."""
    def inspect(self, image: _Pixels, *, order: _Order = "rgb", max_pixels: Optional[int] = None) -> Inspection:
        """Inspects an image: uint8 of height x width (grey), height x width x 3 (colour) or x 4 (with alpha, which is
        ignored), or uint16 of height x width. A crop of a larger frame is read where it is. Images of more than
        `max_pixels` (100 million) are refused."""
    def inspect_file(self, path: _Path) -> Inspection:
        """Inspects an image file, as `anoseg predict` does."""
    def inspect_bytes(self, data: _Bytes) -> Inspection:
        """Inspects the bytes of an image file."""
    def verdict(self, data: _Bytes, name: _Path) -> dict[str, Any]:
        """The line of verdicts.jsonl that `anoseg predict` writes of an image file with these bytes and this name. Of
        bytes that are no image it says why."""
    def inspect_batch(self, images: Union[Iterable[_Pixels], _Pixels], *, order: _Order = "rgb", max_pixels: Optional[int] = None) -> list[Inspection]:
        """Inspects several images at a time, of a list, or of an array of number x height x width x 3."""
    @property
    def digest(self) -> str:
        """BLAKE3 of everything in the model, in hexadecimal: models of one digest give the same results."""
    @property
    def description(self) -> dict[str, Any]:
        """Architecture, preprocessing, thresholds and training, as in the model file."""
    @property
    def thresholds(self) -> Optional[Thresholds]:
        """Its thresholds. A model that has none inspects nothing."""
    @property
    def path(self) -> Optional[_Path]:
        """Its file; None where it comes from bytes."""
    @property
    def threads(self) -> int:
        """Threads of its own; 0 where it has none."""

def train(
    data: _Path,
    output: _Path,
    *,
    preset: Optional[Literal["fast", "accurate", "paper"]] = None,
    config: Optional[_Path] = None,
    minutes: Optional[float] = None,
    steps: Optional[int] = None,
    seed: Optional[int] = None,
    encoder: Optional[_Path] = None,
    on_progress: Optional[Callable[[Any], object]] = None,
) -> Model:
    """Trains a model on a folder of good images and writes it to `output`; checkpoint and log are beside it. Ctrl-C and
    an exception of `on_progress` end the training after the step under way, and are raised; `anoseg train --resume`
    goes on. `preset` is "fast", and `seed` 0, where neither they nor a `config` (TOML) say otherwise."""

def evaluate(model: Union[Model, _Path], data: _Path, *, report: Optional[_Path] = None) -> dict[str, Any]:
    """The figures of a model on the test images of a folder, as `anoseg eval --json` writes them. Remarks are
    warnings."""

def export(model: Union[Model, _Path], output: _Path, *, preprocessing: bool = False, fp16: bool = False) -> list[str]:
    """Writes a model as an ONNX file. Gives what the graph leaves to its user; usually nothing."""

def load_again(path: _Path, digest: str, threads: int) -> Model:
    """Loads a pickled model."""

def main(arguments: list[str], starter: list[str]) -> int:
    """Runs the program and gives its exit code. `starter` is the command that runs it again when arguments follow. It is called once in a process, before any thread is started."""

def after_fork() -> None:
    """Is called in a forked process."""

def panic_for_tests() -> None:
    """Raises BugError."""
