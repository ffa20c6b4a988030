#!/usr/bin/env python3
"""Writes images into a watched folder in many ways, and checks that each whole file has one verdict.

    watch_trial.py ANOSEG MODEL IMAGES [--minutes 2] [--rate 3]

ANOSEG is the program, IMAGES a folder of PNG or JPEG files. Prints the percentiles of the time from a
file's completion to the moment at which its line is in the verdicts (read every 2 ms).
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time


class Trial:
    def __init__(self, options, folder):
        self.options = options
        self.input, self.output = folder / "in", folder / "out"
        self.input.mkdir()
        self.complete = {}  # (name, size, mtime) -> time
        self.seen = {}  # the same -> times of its lines
        self.touched = []  # (state, state after its time was set)
        self.broken = set()
        self.vanished = set()
        self.ended = False
        self.program = None
        self.restarts = 0
        self.downtimes = []

    def start(self):
        command = [self.options.anoseg, "predict", self.options.model, str(self.input), "-o", str(self.output), "--watch"]
        self.program = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def read(self):
        """Takes the times of the lines."""
        path, position, rest = self.output / "verdicts.jsonl", 0, b""
        while not self.ended:
            try:
                with open(path, "rb") as file:
                    file.seek(position)
                    new = file.read()
            except FileNotFoundError:
                new = b""
            position += len(new)
            *lines, rest = (rest + new).split(b"\n")
            for line in lines:
                self.seen.setdefault(identity(json.loads(line)), []).append(time.time())
            time.sleep(0.002)

    def done(self, path):
        now = time.time()
        self.complete[state_of(path)] = now

    def write(self, source, name):
        path, data = self.input / name, source.read_bytes()
        way = random.choice(["whole", "halves", "renamed", "replaced", "touched", "broken", "vanished"])
        if way in ("whole", "replaced"):
            path.write_bytes(data)
            self.done(path)
        if way == "replaced":
            time.sleep(1)
            other = path.with_suffix(".tmp")
            # The same content again would get no verdict.
            others = [other for other in self.options.sources if other != source]
            other.write_bytes(random.choice(others).read_bytes())
            os.replace(other, path)
            self.done(path)
        if way == "touched":
            # As a copy that keeps the time of its source: one verdict, on either state.
            path.write_bytes(data)
            before = state_of(path)
            time.sleep(random.uniform(0, 1))
            os.utime(path, (1.6e9, 1.6e9))
            self.touched.append((before, state_of(path)))
        if way == "halves":
            with open(path, "wb") as file:
                file.write(data[: len(data) // 2])
                file.flush()
                time.sleep(random.uniform(0, 1))
                file.write(data[len(data) // 2 :])
            self.done(path)
        if way == "renamed":
            other = path.with_suffix(".part")
            other.write_bytes(data)
            other.rename(path)
            self.done(path)
        if way == "broken":
            path.write_bytes(data[: len(data) // 2])
            self.broken.add(path.name)
        if way == "vanished":
            path.write_bytes(data)
            self.vanished.add(path.name)
            path.unlink()

    def restart(self):
        begun = time.time()
        stop = random.choice([signal.SIGKILL, signal.SIGTERM])
        self.program.send_signal(stop)
        code = self.program.wait()
        if stop == signal.SIGTERM and code != 0:
            sys.exit(f"exit code {code}")
        self.start()
        self.restarts += 1
        # Start, listing and the time to settle.
        self.downtimes.append((begun - 2, time.time() + 5))

    def run(self):
        self.start()
        reader = threading.Thread(target=self.read)
        reader.start()
        time.sleep(3)
        end, next_restart, number, writers = time.time() + 60 * self.options.minutes, time.time() + 25, 0, []
        while time.time() < end:
            number += 1
            source = random.choice(self.options.sources)
            name = f"{random.randrange(16**8):08x}-{number}{source.suffix}"
            writers.append(threading.Thread(target=self.write, args=(source, name)))
            writers[-1].start()
            if time.time() > next_restart:
                self.restart()
                next_restart = time.time() + 25
            time.sleep(random.expovariate(self.options.rate))
        for writer in writers:
            writer.join()
        time.sleep(9)
        self.ended = True
        reader.join()
        self.program.terminate()
        return self.program.wait()

    def check(self):
        with open(self.output / "verdicts.jsonl") as file:
            lines = [json.loads(line) for line in file]
        judged = {}
        for line in lines:
            if line["decision"] is not None:
                judged[identity(line)] = judged.get(identity(line), 0) + 1
        either = {state for states in self.touched for state in states}
        faults = [f"{key}: {judged.get(key, 0)} verdicts" for key in self.complete if judged.get(key) != 1]
        # A line of the same state that came twice is taken out at the end, so that the times tell it.
        faults += [f"{key}: {len(times)} lines" for key, times in self.seen.items() if len(times) != 1]
        faults += [
            f"{key}: a verdict on no whole file"
            for key in judged
            if key not in self.complete and key[0] not in self.vanished and key not in either
        ]
        for states in self.touched:
            count = sum(judged.get(state, 0) for state in states)
            if count != 1:
                faults.append(f"{states}: {count} verdicts, where its time alone was changed")
        failed = {identity(line)[0] for line in lines if line["error"]}
        faults += [f"{name}: no failure" for name in self.broken - failed]
        faults += [f"{name}: a failure" for name in failed - self.broken]
        return faults

    def latencies(self):
        """In milliseconds, without files that were complete around a restart."""
        calm = lambda moment: not any(begin < moment < end for begin, end in self.downtimes)
        pairs = [(done, self.seen[key][0]) for key, done in self.complete.items() if key in self.seen]
        return sorted(1000 * max(0, seen - done) for done, seen in pairs if calm(done))


def state_of(path):
    state = path.stat()
    return path.name, state.st_size, state.st_mtime_ns


def identity(line):
    return os.path.basename(line["image"]), line["size"], line["modified"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("anoseg")
    parser.add_argument("model")
    parser.add_argument("images", type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--rate", type=float, default=3, help="files a second")
    options = parser.parse_args()
    endings = {".png", ".jpg", ".jpeg"}
    options.sources = [path for path in sorted(options.images.rglob("*")) if path.suffix.lower() in endings]
    folder = pathlib.Path(tempfile.mkdtemp())
    try:
        trial = Trial(options, folder)
        code = trial.run()
        faults, times = trial.check(), trial.latencies()
    finally:
        shutil.rmtree(folder)
    print(f"{len(trial.complete)} whole files, {len(trial.touched)} whose time was set later, {len(trial.broken)} broken, {trial.restarts} restarts, exit code {code}")
    if times:
        at = lambda share: times[min(len(times) - 1, int(share * len(times)))]
        print(f"complete to verdict, {len(times)} files: p50 {at(0.5):.0f} ms, p99 {at(0.99):.0f} ms, most {times[-1]:.0f} ms")
    print("\n".join(faults) or "each whole file has one verdict")
    sys.exit(bool(faults) or code != 0)


if __name__ == "__main__":
    main()
