"""`anoseg serve` beside a server of FastAPI and ONNX Runtime, on one machine in one run.

    pip install fastapi uvicorn[standard] opencv-python-headless onnxruntime numpy
    apt install hey
    python benches/peers/serve.py part.anoseg --image IMAGE [--anoseg target/release/anoseg]

The image is sent as a JPEG of 512 x 512. The peer decodes it by OpenCV, resamples it to the network's size, runs the
exported model (`anoseg export`) and answers with score and decision; it has one process for each core with a session
of one thread, or one process with a session of all cores. anoseg answers with score, decision and regions. `hey` loads
the servers in turn with 16 clients; medians of the rounds. Then anoseg gets half of its own load, at random times
(a Poisson process), and one request after the other.
"""

import argparse
import http.client
import os
import pathlib
import queue
import random
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

import cv2

CLIENTS = 16

PEER = '''
import asyncio, json, os
import cv2, numpy, onnxruntime
from fastapi import FastAPI, Request

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(os.environ["THREADS"])
session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
limits = json.loads(session.get_modelmeta().custom_metadata_map["anoseg"])["calibration"]
_, _, height, width = session.get_inputs()[0].shape
cv2.setNumThreads(1)
app = FastAPI()

def inspect(body):
    image = cv2.imdecode(numpy.frombuffer(body, numpy.uint8), cv2.IMREAD_COLOR)
    image = cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), (width, height), interpolation=cv2.INTER_AREA)
    values = image.astype(numpy.float32).transpose(2, 0, 1)[None] / numpy.float32(255)
    _, score = session.run(["anomaly_map", "pred_score"], {"input": values})
    score = float(score[0])
    reject, review = limits["image_threshold"], limits["review_threshold"]
    return {"score": score, "decision": "reject" if score > reject else "review" if score > review else "good"}

@app.post("/predict")
async def predict(request: Request):
    return await asyncio.to_thread(inspect, await request.body())

@app.get("/ready")
async def ready():
    return {}
'''


def wait(url, process):
    for _ in range(600):
        if process.poll() is not None:
            sys.exit(f"the server ended with {process.returncode}")
        try:
            urllib.request.urlopen(url, timeout=1).read()
            return
        except OSError:
            time.sleep(0.02)
    sys.exit(f"{url} does not answer")


def load(url, image, seconds, clients=CLIENTS):
    """Requests each second, and the 50th and 99th percentile of their times in milliseconds."""
    command = ["hey", "-z", f"{seconds}s", "-c", str(clients), "-m", "POST", "-T", "image/jpeg", "-D", str(image)]
    told = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    if set(re.findall(r"\[(\d+)\]\s+\d+ responses", told)) != {"200"}:
        sys.exit(f"{url} failed:\n{told}")
    percentile = lambda number: 1000 * float(re.search(rf"{number}%+ in ([\d.]+) secs", told).group(1))
    return float(re.search(r"Requests/sec:\s+([\d.]+)", told).group(1)), percentile(50), percentile(99)


def at_random_times(url, body, rate, seconds):
    """The 99th percentile, in milliseconds, of the time from when a request was due to its answer."""
    parts = urllib.parse.urlsplit(url)
    due, moment, draw = queue.Queue(), time.perf_counter() + 0.5, random.Random(0)
    for _ in range(int(rate * seconds)):
        moment += draw.expovariate(rate)
        due.put(moment)
    taken = []

    def client():
        connection = http.client.HTTPConnection(parts.hostname, parts.port)
        while True:
            try:
                moment = due.get_nowait()
            except queue.Empty:
                return
            time.sleep(max(0, moment - time.perf_counter()))
            connection.request("POST", parts.path, body)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                os._exit(1)
            taken.append(time.perf_counter() - moment)

    threads = [threading.Thread(target=client) for _ in range(4 * CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 1000 * sorted(taken)[int(0.99 * len(taken))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--image", type=pathlib.Path, required=True)
    parser.add_argument("--anoseg", default="target/release/anoseg")
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        image = folder / "image.jpg"
        cv2.imwrite(str(image), cv2.resize(cv2.imread(str(options.image)), (512, 512), interpolation=cv2.INTER_AREA))
        graph = folder / "model.onnx"
        subprocess.run([options.anoseg, "export", str(options.model), "--onnx", str(graph)], check=True, capture_output=True)
        (folder / "peer.py").write_text(PEER)
        version = folder / "models" / "part" / "1"
        version.mkdir(parents=True)
        (version / "model.anoseg").write_bytes(options.model.read_bytes())
        servers, processes = {}, []

        def peer(name, port, workers, threads):
            environment = os.environ | {"MODEL": str(graph), "THREADS": str(threads)}
            command = [sys.executable, "-m", "uvicorn", "peer:app", "--port", str(port), "--workers", str(workers)]
            command += ["--log-level", "error", "--no-access-log"]
            processes.append(subprocess.Popen(command, cwd=folder, env=environment))
            wait(f"http://127.0.0.1:{port}/ready", processes[-1])
            servers[name] = f"http://127.0.0.1:{port}/predict"

        try:
            begin = time.perf_counter()
            command = [options.anoseg, "serve", "--models", str(folder / "models"), "--http", "127.0.0.1:18000", "--grpc", "none"]
            processes.append(subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL))
            wait("http://127.0.0.1:18000/v2/health/ready", processes[-1])
            started = time.perf_counter() - begin
            servers["anoseg"] = "http://127.0.0.1:18000/v1/models/part/predict"
            peer(f"FastAPI, {cores} processes", 18001, cores, 1)
            peer("FastAPI, 1 process", 18002, 1, cores)
            for url in servers.values():
                load(url, image, 2)
            found = {name: [] for name in servers}
            for _ in range(options.rounds):
                for name, url in servers.items():
                    found[name].append(load(url, image, options.seconds))
            medians = {name: [statistics.median(column) for column in zip(*runs)] for name, runs in found.items()}
            print("| server | requests/s | p50, ms | p99, ms | anoseg / it |\n|---|---|---|---|---|")
            own = medians["anoseg"][0]
            for name, (rate, middle, late) in medians.items():
                print(f"| {name} | {rate:.1f} | {middle:.1f} | {late:.1f} | {own / rate:.2f} |")
            alone = load(servers["anoseg"], image, options.seconds, clients=1)
            half = at_random_times(servers["anoseg"], image.read_bytes(), own / 2, 2 * options.seconds)
            print(f"one client: {alone[1]:.1f} ms (median); half of the load: p99 {half:.1f} ms, {half / alone[1]:.2f} times")
            print(f"start to ready: {1000 * started:.0f} ms")
        finally:
            for process in processes:
                process.terminate()


if __name__ == "__main__":
    main()
