#!/usr/bin/env python3
"""Compares the page in web/ with `anoseg predict`: scores to 1e-4, decisions and regions equal.

    scripts/build_web.sh
    scripts/check_web.py PROGRAM MODEL IMAGE... [--screenshots FOLDER] [--repeat N]

Serves web/, opens it in a headless Chromium (the one that CHROMIUM names, else one in PATH), gives it the
files as a user does, and reads its table. Says so and passes where Chromium or web/anoseg.wasm is absent.
`--repeat N` inspects each image N times more and prints the least and the median milliseconds.
"""

import argparse
import base64
import functools
import http.server
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

WEB = Path(__file__).resolve().parent.parent / "web"

# Seconds that anything in the browser may take.
PATIENCE = 120

ROWS = """JSON.stringify([...document.querySelectorAll('#rows tr')].map(row => [...row.cells].map(c => c.textContent)))"""

# What the page's own worker gives, with all digits: the table rounds.
DIRECT = """(async () => {
  const worker = new Worker('worker.js', { type: 'module' });
  let id = 0;
  const call = (call, file) => new Promise(async (resolve) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.postMessage({ id: ++id, call, name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) });
  });
  const results = [];
  const model = await call('load', window.checked.model);
  for (const file of window.checked.images) {
    const times = [];
    let result;
    for (let i = 0; i <= REPEAT; i++) {
      result = await call('inspect_file', file);
      times.push(result.ms);
    }
    results.push({ error: result.error, verdict: result.reply && JSON.parse(result.reply), times,
      marked: result.mask && result.mask.reduce((sum, value) => sum + (value > 0), 0) });
  }
  return JSON.stringify({ load: model.ms, results });
})()"""

# Keeps the files that the page is given.
KEEP = """window.checked = { images: [] };
window.complaints = [];
addEventListener('error', (event) => window.complaints.push(event.message));
addEventListener('unhandledrejection', (event) => window.complaints.push(String(event.reason)));
addEventListener('securitypolicyviolation', (event) => window.complaints.push('policy: ' + event.blockedURI));
addEventListener('change', ({ target }) => {
  if (target.id === 'model-file') window.checked.model = target.files[0];
  if (target.id === 'image-files') window.checked.images.push(...target.files);
}, true);"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Browser:
    """Chromium, told what to do through a pair of pipes (DevTools protocol)."""

    def __init__(self, program, folder):
        command, self.commands = os.pipe()
        self.replies, reply = os.pipe()

        def place():
            # Chromium reads from 3 and writes to 4; above them first, since a pipe may have these numbers.
            first, second = os.dup(command), os.dup(reply)
            while first in (3, 4) or second in (3, 4):
                first, second = os.dup(first), os.dup(second)
            os.dup2(first, 3)
            os.dup2(second, 4)

        arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
                     "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        self.process = subprocess.Popen(
            [program, *arguments, f"--user-data-dir={folder}/profile", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=place, close_fds=False)
        os.close(command)
        os.close(reply)
        self.buffer, self.number, self.session = b"", 0, None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.commands, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self.buffer:
                data = os.read(self.replies, 1 << 20)
                if not data:
                    raise SystemExit("Chromium ended")
                self.buffer += data
            line, self.buffer = self.buffer.split(b"\0", 1)
            reply = json.loads(line)
            if reply.get("id") == self.number:
                if "error" in reply:
                    raise SystemExit(f"{method}: {reply['error']['message']}")
                return reply["result"]

    def evaluate(self, script):
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise SystemExit(f"in the page: {result['exceptionDetails']}")
        return result["result"].get("value")

    def wait(self, script, what):
        end = time.monotonic() + PATIENCE
        while not self.evaluate(script):
            if time.monotonic() > end:
                raise SystemExit(f"not within {PATIENCE} s: {what}")
            time.sleep(0.05)

    def choose(self, selector, files):
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(Path(file).resolve()) for file in files])

    def screenshot(self, path, width, height, scheme):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        overflow = self.evaluate("document.documentElement.scrollWidth - innerWidth")
        data = self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))
        return overflow

    def close(self):
        self.process.kill()
        self.process.wait()


def chromium():
    names = ["chromium", "chromium-browser", "google-chrome"]
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def serve():
    handler = functools.partial(Quiet, directory=str(WEB))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def predicted(program, model, images, folder):
    command = [program, "predict", model, *images, "-o", folder / "out", "--mask"]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    lines = (folder / "out/verdicts.jsonl").read_text().splitlines()
    verdicts = {Path(verdict["image"]).name: verdict for verdict in map(json.loads, lines)}
    return [verdicts[Path(image).name] for image in images]


def compare(image, page, native):
    """What differs between two verdicts on an image."""
    if native["error"] or page.get("error"):
        both = native["error"] and page.get("error")
        return [] if both else [f"{image}: {page['error']!r}, predict {native['error']!r}"]
    verdict, differing = page["verdict"], []
    if abs(verdict["score"] - native["score"]) > 1e-4:
        differing.append(f"{image}: score {verdict['score']}, predict {native['score']}")
    for key in ["decision", "width", "height", "warnings", "model_digest", "schema"]:
        if verdict[key] != native[key]:
            differing.append(f"{image}: {key} {verdict[key]}, predict {native[key]}")
    ours, theirs = ([region["box"] for region in v["regions"]] for v in (verdict, native))
    # A pixel whose value lies next to the threshold may fall on either side.
    near = len(ours) == len(theirs) and all(
        abs(a - b) <= 1 for one, other in zip(ours, theirs) for a, b in zip(one, other))
    if not near:
        differing.append(f"{image}: regions {ours}, predict {theirs}")
    if page["marked"] != sum(region["area"] for region in verdict["regions"]):
        differing.append(f"{image}: the mask has {page['marked']} pixels")
    return differing


def check_page(browser, options, damaged, port):
    browser.call("Page.enable")
    browser.call("Page.addScriptToEvaluateOnNewDocument", source=KEEP)
    browser.call("Page.navigate", url=f"http://127.0.0.1:{port}/index.html")
    browser.wait("document.readyState === 'complete' && !document.getElementById('main').hidden", "the page")
    browser.choose("#model-file", [damaged])
    browser.wait("document.getElementById('error').textContent.includes('damaged.anoseg: ')", "an error by name")
    browser.choose("#model-file", [options.model])
    browser.wait("document.getElementById('model').textContent.includes('reject above')", "the model")
    browser.choose("#image-files", options.images)
    browser.wait(f"document.querySelectorAll('#rows tr').length === {len(options.images)} && "
                 "!document.getElementById('rows').textContent.includes('…')", "all images")


def check_camera(browser):
    """Frames of Chromium's synthetic camera are inspected until it is stopped."""
    shown = "document.getElementById('score').textContent"
    browser.evaluate("document.getElementById('camera').click()")
    browser.wait(f"{shown}.endsWith('camera')", "a frame of the camera")
    first = browser.evaluate(shown)
    browser.wait(f"{shown} !== {json.dumps(first)}", "a second frame")
    browser.evaluate("document.getElementById('camera').click()")
    browser.evaluate("document.querySelector('#rows button').click()")
    browser.wait(f"!{shown}.endsWith('camera')", "the image that was chosen")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("images", nargs="+")
    parser.add_argument("--repeat", type=int, default=0)
    parser.add_argument("--screenshots", type=Path)
    options = parser.parse_args()
    program = chromium()
    if not program or not (WEB / "anoseg.wasm").is_file():
        print("skipped:", "web/anoseg.wasm is not built" if program else "no Chromium found; set CHROMIUM to its path")
        return
    # Processes of Chromium may still write into their folder after it was ended.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        folder = Path(folder)
        native = predicted(options.program, options.model, options.images, folder)
        damaged = folder / "damaged.anoseg"
        damaged.write_bytes(Path(options.model).read_bytes()[:-100])
        browser = Browser(program, folder)
        try:
            problems = examine(browser, options, native, damaged)
        finally:
            browser.close()
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems:
        raise SystemExit(1)
    print(f"{len(native)} images: the page and predict agree")


def examine(browser, options, native, damaged):
    check_page(browser, options, damaged, serve())
    rows = json.loads(browser.evaluate(ROWS))
    if not native[0]["error"]:
        check_camera(browser)
    direct = json.loads(browser.evaluate(DIRECT.replace("REPEAT", str(options.repeat))))
    problems = [f"complaint of the page: {c}" for c in browser.evaluate("window.complaints")]
    for image, row, page, verdict in zip(options.images, rows, direct["results"], native):
        problems += compare(image, page, verdict)
        words = {"good": "Good", "review": "Review", "reject": "Reject"}
        shown = Path(image).name in row[1] if verdict["error"] else row[1] == words[verdict["decision"]]
        if not shown:
            problems.append(f"{image}: the page shows {row}")
        if options.repeat and not page.get("error"):
            times = page["times"][1:]
            print(f"{image}: least {min(times):.1f} ms, median {statistics.median(times):.1f} ms, first {page['times'][0]:.1f} ms")
    if options.repeat:
        print(f"the model was ready after {direct['load']:.0f} ms")
    sizes = [(1280, 900, "light"), (1280, 900, "dark"), (360, 740, "light"), (360, 740, "dark")]
    for width, height, scheme in sizes if options.screenshots else []:
        options.screenshots.mkdir(exist_ok=True)
        overflow = browser.screenshot(options.screenshots / f"{width}-{scheme}.png", width, height, scheme)
        if overflow > 0:
            problems.append(f"at {width} pixels the page is {overflow} too wide")
    return problems


if __name__ == "__main__":
    main()
