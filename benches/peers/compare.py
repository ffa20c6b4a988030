"""anoseg beside PyTorch and ONNX Runtime, on one machine in one run.

    pip install torch numpy pillow onnx onnxruntime
    cargo build --release --workspace --bins --examples
    python benches/peers/compare.py DATA/bottle

Builds the network of a model file in PyTorch, checks that both give the same map, then times the
sides in turn: training steps of `anoseg train` (synthesis included) against forward, losses,
backward and AdamW in PyTorch on ready batches, and the map of one image. Prints medians and ratios;
below 1 anoseg is faster.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
import torch
import torch.nn.functional as F

import networks

THREADS = 2


def peak_memory(pid, peak):
    """Keeps the largest resident size of a process, in bytes."""
    while True:
        try:
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return
        for line in status.splitlines():
            if line.startswith("VmHWM"):
                peak[0] = max(peak[0], int(line.split()[1]) * 1024)
        time.sleep(0.02)


def our_steps(anoseg, data, folder, steps):
    """Seconds of every step after the first three, and the peak memory of the program."""
    run = folder / "run"
    command = [anoseg, "train", data, "-o", folder / "timed.anoseg", "--steps", str(steps + 3), "--run-dir", run]
    environment = os.environ | {"RAYON_NUM_THREADS": str(THREADS)}
    process = subprocess.Popen(
        [str(part) for part in command],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    peak = [0]
    watch = threading.Thread(target=peak_memory, args=(process.pid, peak))
    watch.start()
    if process.wait() != 0:
        sys.exit("anoseg train failed")
    watch.join()
    elapsed = [json.loads(line)["elapsed"] for line in (run / "metrics.jsonl").open()]
    return [b - a for a, b in zip(elapsed[2:], elapsed[3:])], peak[0]


class TorchSide:
    """Training steps of the same network in PyTorch."""

    def __init__(self, model, layout):
        self.network = model.network().train().to(memory_format=layout)
        self.optimiser = torch.optim.AdamW(self.network.parameters(), lr=2e-3, weight_decay=1e-2)
        self.images = torch.rand(8, 3, 256, 256).contiguous(memory_format=layout)
        self.labels = (torch.rand(8, 1, 256, 256) < 0.02).float()

    def step(self):
        start = time.perf_counter()
        logits = self.network(self.images)
        maps = torch.sigmoid(logits)
        entropy = F.binary_cross_entropy_with_logits(logits, self.labels)
        overlap = 2 * (maps * self.labels).sum() + 1
        dice = 1 - overlap / (maps.sum() + self.labels.sum() + 1)
        loss = 2 * entropy + 0.3 * dice
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        return time.perf_counter() - start


def torch_memory(model):
    """Peak memory of a process that does nothing but train in PyTorch."""
    code = (
        "import sys, torch; sys.path.insert(0, sys.argv[1]); import compare, networks\n"
        "torch.set_num_threads(compare.THREADS)\n"
        "side = compare.TorchSide(networks.read_model(sys.argv[2]), torch.contiguous_format)\n"
        "[side.step() for _ in range(5)]\n"
        "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)"
    )
    here = pathlib.Path(__file__).parent
    found = subprocess.run([sys.executable, "-c", code, here, model], capture_output=True, text=True, check=True)
    return int(found.stdout)


def timed(run, count):
    run()
    times = []
    for _ in range(count):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times


def check_map(anoseg, model, network, folder):
    """Both sides on the same 256 x 256 image: the image's file and tensor, and the largest difference of the maps."""
    image, values = networks.image_of(None, 256, folder)
    command = [anoseg, "predict", model, image, "-o", folder / "out", "--map"]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    ours = networks.read_map(folder / "out")
    images = torch.from_numpy(values)
    with torch.no_grad():
        theirs = torch.sigmoid(network(images))[0, 0].numpy()
    return image, images, float(np.abs(ours - theirs).max())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", help="a category folder to train on")
    parser.add_argument("--bin", default="target/release", help="where cargo put the programs")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=12, help="steps of each side in a round")
    options = parser.parse_args()
    torch.set_num_threads(THREADS)
    binaries = pathlib.Path(options.bin)
    anoseg, latency = binaries / "anoseg", binaries / "examples" / "latency"
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        our_steps(anoseg, options.data, folder, 5)
        path = folder / "timed.anoseg"
        model = networks.read_model(path)
        image, images, difference = check_map(anoseg, path, model.network(), folder)
        print(f"largest difference of the maps: {difference:.1e}")
        if difference > 1e-4:
            sys.exit("the two sides do not compute the same map")

        layouts = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
        sides = {name: TorchSide(model, layout) for name, layout in layouts.items()}
        for side in sides.values():
            side.step()
        ours, theirs, memory = [], {name: [] for name in layouts}, 0
        for _ in range(options.rounds):
            times, peak = our_steps(anoseg, options.data, folder, options.steps)
            ours += times
            memory = max(memory, peak)
            for name, side in sides.items():
                theirs[name] += [side.step() for _ in range(options.steps)]
        report("training step, s", ours, theirs)
        print(f"peak memory while training, MB: anoseg {memory / 1e6:.0f}, PyTorch {torch_memory(path) / 1e6:.0f}")

        runs = {}
        for name, layout in layouts.items():
            network = model.network().to(memory_format=layout)
            runs[name] = lambda network=network, x=images.contiguous(memory_format=layout): network(x)
        try:
            import onnxruntime

            torch.onnx.export(model.network(), (images,), folder / "m.onnx", dynamo=False)
            settings = onnxruntime.SessionOptions()
            settings.intra_op_num_threads = THREADS
            session = onnxruntime.InferenceSession(folder / "m.onnx", settings, providers=["CPUExecutionProvider"])
            feed = {session.get_inputs()[0].name: images.numpy()}
            runs["onnxruntime"] = lambda: session.run(None, feed)
        except ImportError:
            print("onnxruntime is not installed: left out")
        ours, theirs = [], {name: [] for name in runs}
        with torch.no_grad():
            for _ in range(options.rounds):
                environment = os.environ | {"RAYON_NUM_THREADS": str(THREADS)}
                found = subprocess.run(
                    [latency, path, image, "30"], env=environment, capture_output=True, text=True, check=True
                )
                ours += [float(line) for line in found.stdout.split()]
                for name, run in runs.items():
                    theirs[name] += timed(run, 30)
        report("one image of 256 x 256, s", ours, theirs)


def report(what, ours, theirs):
    ours = statistics.median(ours)
    print(f"{what}: anoseg {ours:.4f}")
    for name, times in theirs.items():
        median = statistics.median(times)
        print(f"    {name} {median:.4f}, ratio {ours / median:.2f}")


if __name__ == "__main__":
    main()
