"""Images and trainings on a cluster of Ray; needs the package `ray[data]`.

    import anoseg.ray

    verdicts = anoseg.ray.inspect("s3://line-4/images", "part.anoseg", actors=64)
    verdicts.write_parquet("s3://line-4/verdicts")

    for trained in anoseg.ray.train({"lid": "data/lid", "cap": "data/cap"}, "models", minutes=10):
        print(trained.product, trained.error or trained.path)
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

import pyarrow as pa
import ray
import ray.data

from . import _anoseg
from ._errors import ArgumentError, Error, ModelError
from ._given import model_file

__all__ = ["VERDICT", "Trained", "inspect", "train"]

_Path = Union[str, os.PathLike]

_POINT = pa.list_(pa.int64())
VERDICT = pa.schema(
    {
        "image": pa.string(),
        "width": pa.int64(),
        "height": pa.int64(),
        "score": pa.float32(),
        "decision": pa.string(),
        "regions": pa.list_(
            pa.struct({"box": _POINT, "area": pa.int64(), "peak": pa.float32(), "peak_at": _POINT}),
        ),
        "warnings": pa.list_(pa.struct({"code": pa.string(), "message": pa.string()})),
        "error": pa.string(),
        "model_digest": pa.string(),
        "schema": pa.int64(),
    }
)
"""The columns of verdicts: those of docs/schemas/verdict.json, but for the names of files, of which none are written."""


def inspect(
    images: Union[_Path, list, ray.data.Dataset],
    model: Union[_Path, _anoseg.Model],
    *,
    actors: int = 1,
    batch_size: int = 32,
) -> ray.data.Dataset:
    """Verdicts on images, a row each with the columns of `VERDICT`, as `anoseg predict` gives them.

    `images` are files or folders that `ray.data.read_binary_files` reads, or a dataset with the columns `path` and
    `bytes`. Every file counts: one that is no image has a row that says why. Each of at most `actors` inspects on one
    processor with a model of its own, which comes from here: the machines need not have the file. A dataset that needs
    processors itself must be left some. Nothing is computed before the rows are asked for.
    """
    if actors < 1 or batch_size < 1:
        raise ArgumentError("actors and batch_size must be at least 1")
    # What makes a model unusable is told here, and not by an actor that starts again and again.
    path, loaded = model_file(model, "sent")
    if loaded.thresholds is None:
        raise ModelError(f"{path}: the model has no thresholds: calibrate it")
    if not isinstance(images, ray.data.Dataset):
        names = [os.fspath(name) for name in (images if isinstance(images, list) else [images])]
        # Reading waits for the disk or the network. Were a processor needed for it, actors on all of them would wait.
        images = ray.data.read_binary_files(names, include_paths=True, num_cpus=0)
    return images.map_batches(
        _Inspector,
        fn_constructor_args=(ray.put(Path(path).read_bytes()),),
        batch_format="pyarrow",
        batch_size=batch_size,
        num_cpus=1,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=actors),
    )


class _Inspector:
    """A model in a process of its own."""

    def __init__(self, model: ray.ObjectRef) -> None:
        self.model = _anoseg.Model.from_bytes(ray.get(model), threads=1)

    def __call__(self, batch: pa.Table) -> pa.Table:
        missing = {"bytes", "path"} - set(batch.column_names)
        if missing:
            raise ArgumentError(f"the dataset has no column {' and no column '.join(sorted(missing))}")
        rows = zip(batch["bytes"], batch["path"])
        # A row without bytes is no image.
        verdicts = [self.model.verdict(data.as_py() or b"", path.as_py() or "") for data, path in rows]
        return pa.Table.from_pylist(verdicts, schema=VERDICT)


@dataclass(frozen=True)
class Trained:
    """How the training of a product ended."""

    product: str
    path: Optional[str]
    """The model; None if there is none."""
    digest: Optional[str]
    """Its digest."""
    error: Optional[str]
    """Why there is no model."""


def train(products: Mapping[str, _Path], models: _Path, *, cpus: int = 2, **options: Any) -> Iterator[Trained]:
    """Trains a model `models/NAME.anoseg` for each product on its folder of good images, as many at a time as the
    cluster has processors for, `cpus` each, and gives each as it ends. One that fails does not stop the others.

    Machines must see the folders under the names that they have here; `options` are those of `anoseg.train`. Where a
    machine is lost, its trainings begin anew on another.
    """
    if cpus < 1:
        raise ArgumentError("cpus must be at least 1")
    if "on_progress" in options:
        raise ArgumentError("on_progress is of one process: it cannot be sent")
    for name in products:
        if not isinstance(name, str) or not name or Path(name).name != name:
            raise ArgumentError(f"{name!r} cannot be the name of a file")
    models = Path(models).absolute()
    models.mkdir(parents=True, exist_ok=True)
    task = _train.options(num_cpus=cpus, runtime_env={"env_vars": {"RAYON_NUM_THREADS": str(cpus)}})
    running = {
        task.remote(os.path.abspath(data), str(models / f"{name}.anoseg"), options): name
        for name, data in products.items()
    }
    return _as_they_end(running)


def _as_they_end(running: dict) -> Iterator[Trained]:
    try:
        while running:
            (done,), _ = ray.wait(list(running), num_returns=1)
            product = running.pop(done)
            try:
                path, digest, error = ray.get(done)
            except ray.exceptions.RayError as lost:
                path, digest, error = None, None, str(lost)
            yield Trained(product, path, digest, error)
    finally:
        for left in running:
            ray.cancel(left)


@ray.remote(max_retries=3)
def _train(data: str, output: str, options: dict) -> tuple:
    try:
        model = _anoseg.train(data, output, **options)
    except Error as error:
        return None, None, f"{type(error).__name__}: {error}"
    return output, model.digest, None
