"""One image through anoseg beside OpenVINO and ONNX Runtime, on one machine in one run.

    pip install torch numpy pillow onnx onnxruntime openvino
    cargo build --release -p anoseg-cli -p anoseg --bins --examples
    target/release/anoseg train DATA/bottle -o fast.anoseg
    target/release/anoseg train DATA/bottle -o accurate.anoseg --preset accurate
    python benches/peers/inference.py --fast fast.anoseg --accurate accurate.anoseg [--image IMAGE]

Builds the network of each model file in PyTorch with the same weights, converts it for the peers,
and checks that all give the same map. Then times the sides in turn, two threads each, in f32:
anoseg's map and score of one image, and the peers' map alone. The peers' input is a tensor that is
ready. The peers run several forms of the distance to the memory; anoseg is compared with each
peer's fastest. Also times `anoseg predict` from its start to its exit, and takes its peak resident
memory. Ratios below 1: anoseg is faster. Without --image, an image is generated.
"""

import argparse
import itertools
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import typing
import warnings

import numpy as np
import onnxruntime
import openvino
import torch

import networks

THREADS = 2

# Largest difference of two maps that counts as equal. Distances are roots of differences of large sums.
TOLERANCE = {"fast": 1e-4, "accurate": 1e-3}

# Forms of the distance to the memory and into how many parts it is split. Of 1, 4 and 16 parts these were as fast as
# any or faster, on both peers together.
MEMORY = [("convolution", 1), ("matmul", 4), ("transposed", 4)]

# Runs before the timed ones of each round.
WARM_UP = 3

# Seconds between two sides: a runtime's threads wait for more work for a while before they sleep.
PAUSE = 0.2


class MapNetwork(torch.nn.Module):
    """A network with the sigmoid that gives the map."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, images):
        return torch.sigmoid(self.network(images))


class Peer(typing.NamedTuple):
    """A network in one form on one runtime. `run` computes the map and returns it as `[1, 1, side, side]`."""

    runtime: str
    form: str
    run: typing.Callable


def openvino_peer(form, onnx, images):
    """The network on OpenVINO; its output stays where the runtime has it."""
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": THREADS,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        # Makes no difference on an idle machine, and is faster where another program uses a core.
        "ENABLE_CPU_PINNING": False,
    }
    compiled = openvino.Core().compile_model(openvino.convert_model(onnx), "CPU", settings)
    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(images, shared_memory=True))

    def run():
        request.infer()
        return request.get_output_tensor().data

    return Peer("OpenVINO", form, run)


def onnxruntime_peer(form, onnx, images):
    """The network on ONNX Runtime with all of its graph optimisations, which are its default."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = THREADS
    settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(onnx), settings, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: images}
    return Peer("ONNX Runtime", form, lambda: session.run(None, feed)[0])


def peers_of(model, images, folder):
    """The model's network in every form on both runtimes."""
    pretrained = model.architecture["network"] == "pretrained"
    forms = [{"form": form, "parts": parts} for form, parts in MEMORY] if pretrained else [{}]
    on_openvino, on_onnxruntime = [], []
    for number, options in enumerate(forms):
        path = folder / f"{number}.onnx"
        network = MapNetwork(model.network(**options)).eval()
        with warnings.catch_warnings():
            # The exporter warns that sizes become constants, which is wanted.
            warnings.simplefilter("ignore")
            torch.onnx.export(network, (torch.from_numpy(images),), path, dynamo=False, opset_version=18)
        form = "memory as {form} in {parts}".format(**options) if options else ""
        on_openvino.append(openvino_peer(form, path, images))
        on_onnxruntime.append(onnxruntime_peer(form, path, images))
    return on_openvino + on_onnxruntime


def environment():
    return os.environ | {"RAYON_NUM_THREADS": str(THREADS)}


def predict(anoseg, model, image, out, *options, runs=1):
    """Runs the whole program: of each run, seconds from start to exit and peak resident memory in bytes."""
    watch = [sys.executable, pathlib.Path(__file__).parent / "program.py", runs]
    command = [*watch, anoseg, "predict", model, image, "-o", out, *options]
    found = subprocess.run(
        [str(part) for part in command], env=environment(), capture_output=True, text=True
    )
    if found.returncode != 0:
        sys.exit(f"anoseg predict failed: {found.stderr}")
    return [(float(seconds), int(peak)) for seconds, peak in map(str.split, found.stdout.splitlines())]


def check_maps(preset, ours, peers):
    """Compares the maps of all sides; ends the program where one differs."""
    largest = 0.0
    for peer in peers:
        difference = float(np.abs(peer.run()[0, 0] - ours).max())
        if not difference < TOLERANCE[preset]:
            sys.exit(f"{preset}: the map of {peer.runtime} ({peer.form}) differs by {difference:.1e}")
        largest = max(largest, difference)
    print(f"{preset}: largest difference of the maps {largest:.1e}")


def latencies(program, model, image, count):
    """Seconds of each repetition of anoseg's map and score."""
    command = [str(part) for part in (program, model, image, count)]
    found = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    return [float(line) for line in found.stdout.split()]


def peer_latencies(peer, count):
    for _ in range(WARM_UP):
        peer.run()
    times = []
    for _ in range(count):
        start = time.perf_counter()
        peer.run()
        times.append(time.perf_counter() - start)
    return times


def compare(preset, path, options, folder):
    """Checks, times and prints one model."""
    model = networks.read_model(path)
    if model.postprocess.get("smoothing_px", 0.0) != 0.0 or model.architecture.get("detector"):
        sys.exit(f"{path}: smoothing and a second network for the score are not built here")
    image, images = networks.image_of(options.image, model.side, folder)
    binaries = pathlib.Path(options.bin)
    anoseg, latency = binaries / "anoseg", binaries / "examples" / "latency"
    peers = peers_of(model, images, folder)
    predict(anoseg, path, image, folder / "map", "--map")
    check_maps(preset, networks.read_map(folder / "map"), peers)

    ours, theirs = [], [[] for _ in peers]
    for _ in range(options.rounds):
        ours.append(latencies(latency, path, image, options.count)[WARM_UP:])
        for peer, rounds in zip(peers, theirs):
            time.sleep(PAUSE)
            rounds.append(peer_latencies(peer, options.count - WARM_UP))
        time.sleep(PAUSE)
    report(preset, ours, peers, theirs)

    runs = predict(anoseg, path, image, folder / "run-{run}", runs=options.runs)
    seconds = statistics.median(seconds for seconds, _ in runs)
    print(f"{preset}: anoseg predict, start to exit: {1e3 * seconds:.1f} ms")
    print(f"{preset}: its peak resident memory: {max(peak for _, peak in runs) / 1e6:.1f} MB\n")


def report(preset, ours, peers, theirs):
    """Prints median and shortest time of all, and anoseg's ratio to each runtime's fastest form.

    The ratio is the median of the rounds' ratios, with the lowest and the highest: a shared machine's
    speed changes between rounds more than within one.
    """
    row = "  {:<56} {:>8} {:>10}".format
    print(row(f"{preset}, milliseconds for one image", "median", "shortest"))
    named = [(", ".join(filter(None, [peer.runtime, peer.form])), rounds) for peer, rounds in zip(peers, theirs)]
    for name, rounds in [("anoseg", ours), *named]:
        print(row(name, f"{1e3 * median_of(rounds):.2f}", f"{1e3 * min(map(min, rounds)):.2f}"))
    for runtime in dict.fromkeys(peer.runtime for peer in peers):
        fastest = min((rounds for peer, rounds in zip(peers, theirs) if peer.runtime == runtime), key=median_of)
        ratios = [statistics.median(a) / statistics.median(b) for a, b in zip(ours, fastest)]
        spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
        print(row(f"anoseg / {runtime}, and its range over the rounds", f"{statistics.median(ratios):.2f}", spread))


def median_of(rounds):
    """The median of all rounds' times."""
    return statistics.median(itertools.chain.from_iterable(rounds))


def processor():
    """The processor's name."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fast", metavar="MODEL", help="a model of preset fast")
    parser.add_argument("--accurate", metavar="MODEL", help="a model of preset accurate")
    parser.add_argument("--image", help="resized to the network's size first [default: generated]")
    parser.add_argument("--bin", metavar="DIR", default="target/release", help="where cargo put the programs")
    parser.add_argument("--rounds", type=int, default=5, help="how often all sides are timed in turn")
    parser.add_argument("--count", type=int, default=30, help="repetitions of each side in a round")
    parser.add_argument("--runs", type=int, default=20, help="runs of the whole program")
    options = parser.parse_args()
    models = {preset: getattr(options, preset) for preset in TOLERANCE if getattr(options, preset)}
    if not models:
        parser.error("give --fast, --accurate or both")
    if options.rounds < 1 or options.runs < 1 or options.count <= WARM_UP:
        parser.error(f"rounds and runs are at least 1, count is more than {WARM_UP}")
    command = [pathlib.Path(options.bin) / "anoseg", "--version"]
    version = subprocess.run(command, capture_output=True, text=True, check=True)
    print(f"processor: {processor()}, {os.cpu_count()} logical cores, {THREADS} threads")
    print(f"{version.stdout.strip()}, OpenVINO {openvino.__version__}, ONNX Runtime {onnxruntime.__version__}")
    print(f"converted from PyTorch {torch.__version__}\n")
    for preset, path in models.items():
        with tempfile.TemporaryDirectory() as folder:
            compare(preset, path, options, pathlib.Path(folder))


if __name__ == "__main__":
    main()
