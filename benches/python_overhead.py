"""Times `Model.inspect` of Python beside that of Rust, on one image, and what Python adds.

    cargo build --release --example inspect_latency     # of the same profile as the wheel
    pip install target/wheels/anoseg-*.whl
    python benches/python_overhead.py part.anoseg 640 480 200 target/release/examples/inspect_latency

The image is generated, the same in both. The runs alternate in blocks, so that both see the same load.
"""

import statistics
import subprocess
import sys
import time

import numpy as np

import anoseg

BLOCKS = 5


def image(width: int, height: int) -> np.ndarray:
    """As `inspect_latency` has it."""
    i = np.arange(width * height)
    rgb = np.stack([i * 7 % 251, i // width * 5 % 256, i % width * 3 % 256], axis=-1)
    return rgb.astype(np.uint8).reshape(height, width, 3)


def in_python(model: anoseg.Model, frame: np.ndarray, count: int) -> list:
    seconds = []
    for _ in range(count):
        begun = time.perf_counter()
        model.inspect(frame)
        seconds.append(time.perf_counter() - begun)
    return seconds


def main() -> None:
    path, width, height, count, program = sys.argv[1:]
    model, frame = anoseg.Model.load(path), image(int(width), int(height))
    # A crop with the same pixels, whose rows lie apart.
    wider = np.concatenate([frame, frame[:, :16]], axis=1)[:, : int(width)]
    block = str(max(1, int(count) // BLOCKS))
    model.inspect(frame)
    times = {"rust": [], "python": [], "python, crop": []}
    for _ in range(BLOCKS):
        done = subprocess.run([program, path, width, height, block], capture_output=True, text=True, check=True)
        times["rust"] += map(float, done.stdout.split())
        times["python"] += in_python(model, frame, int(block))
        times["python, crop"] += in_python(model, wider, int(block))
    for name, seconds in times.items():
        middle, best = statistics.median(seconds), min(seconds)
        print(f"{name:<13} median {1e3 * middle:8.3f} ms   best {1e3 * best:8.3f} ms")
    added = statistics.median(times["python"]) - statistics.median(times["rust"])
    print(f"added         median {1e6 * added:8.1f} us")


if __name__ == "__main__":
    main()
