"""anoseg beside PyTorch and ONNX Runtime, on one machine in one run.

    pip install torch numpy pillow onnx onnxruntime
    cargo build --release --workspace --bins --examples
    python benches/peers/compare.py DATA/bottle

Builds the network of a model file in PyTorch, checks that both give the same map, then times the sides in turn:
training steps of `anoseg train` (synthesis and all) against forward, losses, backward and AdamW in PyTorch on ready
batches, and the map of one picture. Prints medians and ratios; below 1 anoseg is faster.
"""

import argparse
import json
import os
import pathlib
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

THREADS = 2

# `architecture.coordinate_scale` of the preset.
COORDINATES = 0.1


def read_model(path):
    """Tensors of a model file."""
    data = pathlib.Path(path).read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        values = np.frombuffer(data[start:end], "<f4").reshape(entry["shape"])
        tensors[name] = torch.from_numpy(values.copy())
    return tensors


class ConvNorm(torch.nn.Module):
    def __init__(self, tensors, name, relu=True):
        super().__init__()
        weight = tensors[name + ".weight"]
        outputs, inputs, kernel, _ = weight.shape
        self.conv = torch.nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.norm = torch.nn.BatchNorm2d(outputs)
        self.relu = relu
        with torch.no_grad():
            self.conv.weight.copy_(weight)
            self.norm.weight.copy_(tensors[name + ".scale"])
            self.norm.bias.copy_(tensors[name + ".shift"])
            self.norm.running_mean.copy_(tensors[name + ".mean"])
            self.norm.running_var.copy_(tensors[name + ".variance"])

    def forward(self, x):
        x = self.norm(self.conv(x))
        return F.relu(x) if self.relu else x


class Residual(torch.nn.Module):
    def __init__(self, tensors, name):
        super().__init__()
        self.first = ConvNorm(tensors, name + ".first")
        self.second = ConvNorm(tensors, name + ".second", relu=False)

    def forward(self, x):
        return F.relu(x + self.second(self.first(x)))


class Network(torch.nn.Module):
    """The `fast` preset's network, see crates/anoseg/src/network."""

    def __init__(self, tensors):
        super().__init__()
        scales = len({name.split(".")[2] for name in tensors if name.startswith("encoder.stages.")})
        self.stem = ConvNorm(tensors, "encoder.stem")
        self.downs = torch.nn.ModuleList(
            ConvNorm(tensors, f"encoder.stages.{i}.down") for i in range(1, scales)
        )
        self.blocks = torch.nn.ModuleList(
            Residual(tensors, f"encoder.stages.{i}.blocks.0") for i in range(scales)
        )
        self.contexts = torch.nn.ModuleList(
            ConvNorm(tensors, f"encoder.stages.{i}.context") for i in range(1, scales)
        )
        self.expands = torch.nn.ModuleList(
            ConvNorm(tensors, f"map.ups.{i}.expand") for i in range(scales - 1)
        )
        self.up_blocks = torch.nn.ModuleList(
            Residual(tensors, f"map.ups.{i}.block") for i in range(scales - 1)
        )
        weight = tensors["map.head.weight"]
        self.head = torch.nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=1)
        with torch.no_grad():
            self.head.weight.copy_(weight)
            self.head.bias.copy_(tensors["map.head.bias"])

    def forward(self, images):
        n, _, h, w = images.shape
        rows = (COORDINATES * torch.linspace(-1, 1, h)).view(1, 1, h, 1).expand(n, 1, h, w)
        columns = (COORDINATES * torch.linspace(-1, 1, w)).view(1, 1, 1, w).expand(n, 1, h, w)
        x = torch.cat([(images - 0.5) * 4, rows, columns], 1)
        x = self.blocks[0](self.stem(F.pixel_unshuffle(x, 4)))
        skips = [x]
        for down, block, context in zip(self.downs, self.blocks[1:], self.contexts):
            x = block(down(F.pixel_unshuffle(x, 2)))
            variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
            whole = torch.cat([mean, (variance + 1e-5).sqrt()], 1).expand(-1, -1, *x.shape[2:])
            x = x + context(torch.cat([x, whole], 1))
            skips.append(x)
        skips.pop()
        for expand, block in zip(self.expands, self.up_blocks):
            x = block(F.pixel_shuffle(expand(x), 2) + skips.pop())
        return F.pixel_shuffle(self.head(x), 4)


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

    def __init__(self, tensors, layout):
        self.network = Network(tensors).to(memory_format=layout)
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
        "import sys, torch; sys.path.insert(0, sys.argv[1]); import compare\n"
        "torch.set_num_threads(compare.THREADS)\n"
        "side = compare.TorchSide(compare.read_model(sys.argv[2]), torch.contiguous_format)\n"
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
    """Both sides on the same 256 x 256 picture: the largest difference of the maps."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8))
    picture = np.asarray(coarse.resize((256, 256), Image.BICUBIC))
    (folder / "in").mkdir()
    Image.fromarray(picture).save(folder / "in" / "p.png")
    command = [anoseg, "predict", model, folder / "in" / "p.png", "-o", folder / "out", "--map"]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    (found,) = (folder / "out").rglob("*.tiff")
    ours = np.asarray(Image.open(found))
    images = torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        theirs = torch.sigmoid(network(images))[0, 0].numpy()
    return images, float(np.abs(ours - theirs).max())


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
        model = folder / "timed.anoseg"
        tensors = read_model(model)
        network = Network(tensors).eval()
        images, difference = check_map(anoseg, model, network, folder)
        print(f"largest difference of the maps: {difference:.1e}")
        if difference > 1e-4:
            sys.exit("the two sides do not compute the same map")

        layouts = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
        sides = {name: TorchSide(tensors, layout) for name, layout in layouts.items()}
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
        print(f"peak memory while training, MB: anoseg {memory / 1e6:.0f}, PyTorch {torch_memory(model) / 1e6:.0f}")

        networks = {name: Network(tensors).eval().to(memory_format=layout) for name, layout in layouts.items()}
        runs = {name: lambda network=network: network(images) for name, network in networks.items()}
        try:
            import onnxruntime

            torch.onnx.export(network, (images,), folder / "m.onnx", dynamo=False)
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
                picture = folder / "in" / "p.png"
                environment = os.environ | {"RAYON_NUM_THREADS": str(THREADS)}
                found = subprocess.run(
                    [latency, model, picture, "30"], env=environment, capture_output=True, text=True, check=True
                )
                ours += [float(line) for line in found.stdout.split()]
                for name, run in runs.items():
                    theirs[name] += timed(run, 30)
        report("one picture of 256 x 256, s", ours, theirs)


def report(what, ours, theirs):
    ours = statistics.median(ours)
    print(f"{what}: anoseg {ours:.4f}")
    for name, times in theirs.items():
        median = statistics.median(times)
        print(f"    {name} {median:.4f}, ratio {ours / median:.2f}")


if __name__ == "__main__":
    main()
