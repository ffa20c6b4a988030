"""The examples of the documents run."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import anoseg
from conftest import pixels, write_ppm

ROOT = Path(__file__).resolve().parents[3]


def examples(document: str) -> list:
    return re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(), re.DOTALL)


@pytest.mark.parametrize("document", ["crates/anoseg-python/README.md", "docs/python.md"])
def test_the_example_of_a_document_runs(document, good_parts, tiny, tmp_path, monkeypatch):
    shutil.copytree(good_parts / "train/good", tmp_path / "good-parts")
    shutil.copy(good_parts / "test/spot/0.ppm", tmp_path / "part.png")
    monkeypatch.chdir(tmp_path)
    (example,) = examples(document)
    short, count = re.subn(r"minutes=10", f"config={str(tiny)!r}, steps=2", example)
    assert count == 1
    names = {}
    exec(compile(short, document, "exec"), names)
    assert isinstance(names["inspection"], anoseg.Inspection)


def test_regions_become_detections(model, model_path, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples/python"))
    import detections

    inspection = model.inspect(pixels(80, 60))
    found = detections.detections(inspection)
    assert len(found["xyxy"]) == len(inspection.regions) > 0
    assert found["mask"].any(axis=0).tobytes() == inspection.mask.tobytes()
    left, top, right, bottom = found["xyxy"][0]
    region = inspection.regions[0]
    assert (right - left, bottom - top) == (region.width, region.height)
    box = detections.fiftyone_detections(inspection)[0]
    assert np.allclose(box["bounding_box"][:2], [region.x / 80, region.y / 60])
    assert box["mask"].shape == (region.height, region.width)
    write_ppm(tmp_path / "a.ppm", pixels(80, 60))
    command = [sys.executable, ROOT / "examples/python/detections.py", model_path, tmp_path / "a.ppm"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["decision"] == inspection.decision
