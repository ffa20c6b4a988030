#!/usr/bin/env python3
"""Inspects many frames as one batch and in a watched folder, and prints time and memory.

    line_frames.py ANOSEG MODEL IMAGES [--frames 10000] [--side 512]

ANOSEG is the program, IMAGES a folder of PNG or JPEG files, from which JPEGs of SIDE x SIDE pixels are
made; each differs from the others. Memory is VmRSS of /proc/PID/status, read every second. The watch has
all frames in its folder at the start; with --rate it runs again, on an empty folder in which so many frames
a second appear. Needs Linux and Pillow.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from PIL import Image


def make_frames(options, folder):
    folder.mkdir()
    endings = {".png", ".jpg", ".jpeg"}
    paths = [path for path in sorted(options.images.rglob("*")) if path.suffix.lower() in endings]
    sources = [Image.open(path).convert("RGB").resize((options.side, options.side)) for path in paths[:50]]
    for number in range(options.frames):
        frame = sources[number % len(sources)]
        # A few pixels tell the frames apart.
        for bit in range(16):
            frame.putpixel((bit, 0), (255, 255, 255) if number >> bit & 1 else (0, 0, 0))
        frame.save(folder / f"{number:06d}.jpg", quality=90)


class Memory(threading.Thread):
    """Samples of a process: seconds since its start, and MiB."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.path, self.samples, self.begun = f"/proc/{pid}/status", [], time.time()
        self.start()

    def run(self):
        while True:
            try:
                lines = open(self.path).read().splitlines()
            except OSError:
                return
            rss = [int(line.split()[1]) for line in lines if line.startswith("VmRSS")]
            if not rss:
                return
            self.samples.append((time.time() - self.begun, rss[0] / 1024))
            time.sleep(1)

    def text(self):
        """Mean and peak of the first minute without its first 5 s, and of the last, or of the halves of
        a run that is shorter than two minutes."""
        end = self.samples[-1][0]
        span = min(60, end / 2)
        part = lambda a, b: [mib for at, mib in self.samples if a <= at <= b] or [0]
        first, last = part(5, span), part(end - span, end)
        mean = lambda values: sum(values) / len(values)
        return (
            f"first {span:.0f} s {mean(first):.0f} MiB (most {max(first):.0f}), "
            f"last {span:.0f} s {mean(last):.0f} MiB (most {max(last):.0f})"
        )


def verdicts(output):
    try:
        return (output / "verdicts.jsonl").read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def check(output, frames):
    images = [json.loads(line) for line in open(output / "verdicts.jsonl")]
    judged = [line["image"] for line in images if line["decision"]]
    if len(judged) != frames or len(set(judged)) != frames:
        sys.exit(f"{len(judged)} verdicts on {len(set(judged))} of {frames} frames")


def start(options, folder, output, *further):
    command = [options.anoseg, "predict", options.model, str(folder), "-o", str(output), *further]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def report(name, seconds, memory, frames):
    print(f"{name}: {frames} frames in {seconds:.1f} s, {1000 * seconds / frames:.1f} ms each; {memory.text()}", flush=True)


def batch(options, frames, output):
    begun = time.time()
    program = start(options, frames, output)
    memory = Memory(program.pid)
    code = program.wait()
    if code != 0:
        sys.exit(f"predict: exit code {code}")
    report("batch", time.time() - begun, memory, options.frames)


def watch(options, frames, output):
    begun = time.time()
    program = start(options, frames, output, "--watch")
    memory = Memory(program.pid)
    while verdicts(output) < options.frames:
        time.sleep(0.2)
    report("watch, all at the start", time.time() - begun, memory, options.frames)
    end(program)


def watch_at_a_rate(options, frames, folder, output):
    folder.mkdir()
    program = start(options, folder, output, "--watch")
    memory = Memory(program.pid)
    time.sleep(1)
    begun = time.time()
    for number, frame in enumerate(sorted(frames.iterdir())):
        hidden = folder / f".{frame.name}"
        shutil.copyfile(frame, hidden)
        hidden.rename(folder / frame.name)
        time.sleep(max(0, begun + number / options.rate - time.time()))
    while verdicts(output) < options.frames:
        time.sleep(0.2)
    report(f"watch, {options.rate:g} a second", time.time() - begun, memory, options.frames)
    end(program)


def end(program):
    program.terminate()
    if program.wait() != 0:
        sys.exit(f"predict --watch: exit code {program.returncode}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("anoseg")
    parser.add_argument("model")
    parser.add_argument("images", type=pathlib.Path)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--rate", type=float, default=0, help="frames a second")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        root = pathlib.Path(root)
        frames = root / "frames"
        make_frames(options, frames)
        size = sum(frame.stat().st_size for frame in frames.iterdir())
        print(f"{options.frames} JPEGs of {options.side} x {options.side}, {size / options.frames / 1024:.0f} KiB each", flush=True)
        batch(options, frames, root / "batch")
        watch(options, frames, root / "watch")
        outputs = ["batch", "watch"]
        if options.rate > 0:
            watch_at_a_rate(options, frames, root / "appearing", root / "rate")
            outputs.append("rate")
        for output in outputs:
            check(root / output, options.frames)
    print("each frame has one verdict")


if __name__ == "__main__":
    main()
