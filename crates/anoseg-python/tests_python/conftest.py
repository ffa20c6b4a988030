"""A model and images of these tests."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import anoseg

FIXTURES = Path(__file__).resolve().parents[2] / "anoseg-infer/tests/fixtures/format1"

TINY = """
[architecture]
widths = [4, 4]

[input]
size = 32
"""
"""Settings of a network that trains in seconds."""


@pytest.fixture(scope="session")
def model_path() -> Path:
    return FIXTURES / "compact.anoseg"


@pytest.fixture(scope="session")
def model(model_path: Path) -> anoseg.Model:
    return anoseg.Model.load(model_path)


def pixels(width: int, height: int) -> np.ndarray:
    """Red, green and blue of an image of so many pixels, as the tests of the C interface have them."""
    i = np.arange(width * height)
    rgb = np.stack([i * 7 % 251, i // width * 5 % 256, i % width * 3 % 256], axis=-1)
    return rgb.astype(np.uint8).reshape(height, width, 3)


@pytest.fixture(scope="session")
def rgb() -> np.ndarray:
    return pixels(80, 60)


def write_ppm(path: Path, rgb: np.ndarray) -> None:
    height, width, _ = rgb.shape
    path.write_bytes(b"P6\n%d %d\n255\n" % (width, height) + np.ascontiguousarray(rgb).tobytes())


@pytest.fixture(scope="session")
def good_parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A category of small images: training, and tests with defects and their masks."""
    folder = tmp_path_factory.mktemp("part")
    random = np.random.default_rng(0)
    surface = random.integers(90, 150, (32, 32, 3))

    def image() -> np.ndarray:
        return np.clip(surface + random.integers(-8, 9, (32, 32, 3)), 0, 255).astype(np.uint8)

    def write(name: str, image: np.ndarray) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_ppm(path, image)

    for number in range(12):
        write(f"train/good/{number:02}.ppm", image())
    for number in range(6):
        write(f"test/good/{number}.ppm", image())
        bad = image()
        bad[8:16, 8:16] = 255
        write(f"test/spot/{number}.ppm", bad)
        mask = np.zeros((32, 32, 3), np.uint8)
        mask[8:16, 8:16] = 255
        write(f"ground_truth/spot/{number}_mask.ppm", mask)
    return folder


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("settings") / "tiny.toml"
    path.write_text(TINY)
    return path


@pytest.fixture(scope="session")
def trained(good_parts: Path, tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that was trained for two steps."""
    path = tmp_path_factory.mktemp("trained") / "part.anoseg"
    anoseg.train(good_parts, path, config=tiny, steps=2)
    return path


def program(*arguments: object, **options: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "anoseg", *map(os.fspath, arguments)]
    return subprocess.run(command, capture_output=True, text=True, **options)
