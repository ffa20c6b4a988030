"""`anoseg serve` at full load for a time, with clients that die within their bodies and a reload every few seconds.

    python benches/serve_soak.py part.anoseg other.anoseg --image IMAGE [--anoseg target/release/anoseg] [--seconds 600]

Clients send one image after the other; others die within the body of a request. Every few seconds the file of the
served version is replaced by the other model file, which the server finds by itself, and the version is asked to be
loaded again. The server keeps a history and an audit log. What is told: answers by status, requests that failed though
their client did not die, memory and descriptors of the server over time, and the slope of memory as a share an hour
over the last three quarters of the time. It exits with 1 where a request failed or descriptors are left.
"""

import argparse
import collections
import http.client
import json
import os
import pathlib
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

CLIENTS = 16
DYING = 4
RELOAD_EVERY = 10


def resident(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def slope(points):
    """Change of the second value an hour, as a share of its mean, by least squares."""
    times, values = zip(*points)
    t, v = sum(times) / len(times), sum(values) / len(values)
    return sum((a - t) * (b - v) for a, b in points) / sum((a - t) ** 2 for a in times) * 3600 / v


def minutes(points):
    """The median of the values of each minute."""
    groups = collections.defaultdict(list)
    for time_, value in points:
        groups[int(time_ // 60)].append(value)
    return [round(statistics.median(values), 1) for values in groups.values()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("other", type=pathlib.Path)
    parser.add_argument("--image", type=pathlib.Path, required=True)
    parser.add_argument("--anoseg", default="target/release/anoseg")
    parser.add_argument("--seconds", type=int, default=600)
    options = parser.parse_args()
    body = options.image.read_bytes()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        version = folder / "models" / "part" / "1"
        version.mkdir(parents=True)
        shutil.copy(options.model, version / "model.anoseg")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [options.anoseg, "serve", "--models", str(folder / "models"), "--http", f"127.0.0.1:{port}"]
        command += ["--grpc", "none", "--history", str(folder / "history"), "--history-size", "64MiB"]
        command += ["--audit", str(folder / "audit.jsonl")]
        server = subprocess.Popen(command, stderr=(folder / "log").open("w"))
        end = time.monotonic() + options.seconds
        statuses, failed, lock, died = collections.Counter(), [], threading.Lock(), 0

        def ask(method, path, data=None):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request(method, path, data)
            answer = connection.getresponse()
            return answer.status, answer.read()

        def is_ready():
            try:
                return ask("GET", "/v2/models/part/ready")[0] == 200
            except OSError:
                return False

        while not is_ready():
            if server.poll() is not None:
                sys.exit((folder / "log").read_text())
            time.sleep(0.02)

        def client():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            while time.monotonic() < end:
                try:
                    connection.request("POST", "/v1/models/part/predict", body)
                    answer = connection.getresponse()
                    answer.read()
                    status = answer.status
                except (OSError, http.client.HTTPException) as error:
                    status = repr(error)
                    connection.close()
                with lock:
                    statuses[status] += 1
                    if status not in (200, 429):
                        failed.append(status)

        def dying(seed):
            nonlocal died
            draw = random.Random(seed)
            head = f"POST /v1/models/part/predict HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}\r\n\r\n".encode()
            while time.monotonic() < end:
                with socket.create_connection(("127.0.0.1", port)) as stream:
                    # Some die within the body, others behind it and do not wait for the answer.
                    stream.sendall(head + body[: draw.randrange(len(body) + 1) if draw.random() < 0.8 else len(body)])
                    time.sleep(draw.random() * 0.2)
                with lock:
                    died += 1

        def reload():
            for number in range(1, options.seconds // RELOAD_EVERY + 1):
                time.sleep(max(0, min(RELOAD_EVERY, end - time.monotonic())))
                if time.monotonic() >= end:
                    return
                shutil.copy((options.model, options.other)[number % 2], version / "next")
                os.replace(version / "next", version / "model.anoseg")
                status, answer = ask("POST", "/v2/repository/models/part/load")
                with lock:
                    statuses[f"load {status}"] += 1
                    if status != 200:
                        failed.append(answer)

        threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
        threads += [threading.Thread(target=dying, args=(seed,)) for seed in range(DYING)]
        threads.append(threading.Thread(target=reload))
        before = descriptors(server.pid)
        begin, points = time.monotonic(), []
        for thread in threads:
            thread.start()
        while time.monotonic() < end and server.poll() is None:
            time.sleep(1)
            points.append((time.monotonic() - begin, resident(server.pid)))
        for thread in threads:
            thread.join()
        time.sleep(2)
        after = descriptors(server.pid)
        server.terminate()
        code = server.wait(60)
        kept = [value for second, value in points if second > options.seconds / 4]
        told = {
            "statuses": {str(status): count for status, count in sorted(statuses.items(), key=str)},
            "died": died,
            "failed": len(failed),
            "first_failures": [str(one) for one in failed[:3]],
            "memory_mb": {"begin": points[0][1], "least": min(kept), "most": max(kept), "end": points[-1][1]},
            "memory_mb_of_minutes": minutes(points),
            "memory_slope_an_hour": round(slope([p for p in points if p[0] > options.seconds / 4]), 4),
            "descriptors": [before, after],
            "exit_code": code,
        }
        print(json.dumps(told, indent=2))
        if failed or code != 0 or after > before + 2:
            sys.exit(1)


if __name__ == "__main__":
    main()
