// The page: takes a model and images, sends them to the worker, shows the results. Images are kept as files
// and inspected again when they are chosen, so that a long list takes no memory for layers.

const $ = (id) => document.getElementById(id);
const WORDS = { good: "Good", review: "Review", reject: "Reject" };
const MODEL_HINT = $("model").textContent;

$("notice").hidden = true;
$("main").hidden = false;

// Calls of the worker

const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
const waiting = new Map();
let calls = 0;

worker.onmessage = ({ data }) => {
  waiting.get(data.id)(data);
  waiting.delete(data.id);
};
worker.onerror = () => fail("worker.js could not be started; this browser may be too old");

function call(message, transfer = []) {
  const id = ++calls;
  return new Promise((resolve) => {
    waiting.set(id, resolve);
    worker.postMessage({ id, ...message }, transfer);
  });
}

async function callWithFile(name, file) {
  try {
    const bytes = new Uint8Array(await file.arrayBuffer());
    return await call({ call: name, bytes, name: file.name }, [bytes.buffer]);
  } catch (error) {
    return { error: `${file.name}: cannot be read (${error.message})` };
  }
}

function fail(message) {
  $("error").textContent = message;
  $("error").hidden = !message;
}

// Model

let hasModel = false;
let loads = 0;

async function loadModel(file) {
  const load = ++loads;
  fail("");
  hasModel = false;
  stopCamera();
  forgetResults();
  $("model").textContent = `${file.name}: loading`;
  const { error, reply } = await callWithFile("load", file);
  if (load !== loads) return;
  if (error) {
    $("model").textContent = MODEL_HINT;
    fail(error);
    return;
  }
  const { review_threshold, image_threshold } = JSON.parse(reply);
  hasModel = true;
  $("model").textContent =
    `${file.name}: review above ${number(review_threshold)}, reject above ${number(image_threshold)}`;
  pump();
}

// What an earlier model gave is not shown beside another one.
function forgetResults() {
  for (const entry of entries) {
    Object.assign(entry, { verdict: undefined, error: undefined, ms: undefined });
    showRow(entry);
  }
  $("view").hidden = true;
}

// Images

const entries = [];
let chosen; // the entry that is shown
let pumping = false;

function addImages(files) {
  fail("");
  for (const file of files) {
    const entry = { file, row: $("rows").insertRow() };
    entries.push(entry);
    showRow(entry);
  }
  if (!hasModel && files.length) fail("Choose a model first; the images are inspected then.");
  $("list").hidden = entries.length === 0;
  pump();
}

// Inspects what is new, one at a time. The first one is shown.
async function pump() {
  if (pumping) return;
  pumping = true;
  for (let entry; hasModel && (entry = next()); ) {
    const [wanted, model] = [chosen, loads];
    const result = await callWithFile("inspect_file", entry.file);
    if (model !== loads || !entries.includes(entry)) continue;
    entry.error = result.error;
    entry.verdict = result.reply && JSON.parse(result.reply);
    entry.ms = result.ms;
    showRow(entry);
    const untouched = chosen === wanted;
    if (entry.verdict && !camera && untouched && (!chosen || chosen === entry)) show(entry, result);
  }
  pumping = false;
}

const next = () => entries.find((entry) => !entry.verdict && !entry.error);

// A row with the image that is chosen, the decision and the score, or the error.
function showRow(entry) {
  const { file, row, verdict, error, ms } = entry;
  row.replaceChildren();
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = file.name;
  button.setAttribute("aria-current", entry === chosen);
  button.disabled = Boolean(error);
  button.onclick = () => choose(entry);
  row.insertCell().append(button);
  if (error) {
    const cell = row.insertCell();
    cell.colSpan = 3;
    cell.className = "message failed";
    cell.textContent = error;
    return;
  }
  const cell = row.insertCell();
  cell.textContent = verdict ? WORDS[verdict.decision] : "…";
  cell.className = verdict?.decision ?? "";
  row.insertCell().textContent = verdict ? number(verdict.score) : "";
  row.insertCell().textContent = verdict ? Math.round(ms) : "";
}

async function choose(entry) {
  stopCamera();
  if (!hasModel || !entry.verdict) return;
  chosen = entry;
  markChosen();
  const result = await callWithFile("inspect_file", entry.file);
  if (chosen !== entry || !entry.verdict) return;
  if (result.error) fail(result.error);
  else show(entry, result);
}

function markChosen() {
  for (const entry of entries) {
    entry.row.querySelector("button").setAttribute("aria-current", entry === chosen);
  }
}

// The view

let layers; // canvases of the image, its map and its outlines

function show(entry, result) {
  chosen = entry;
  markChosen();
  draw(JSON.parse(result.reply), result);
}

function draw(verdict, { image, heat, outline, ms }) {
  const { width, height } = verdict;
  layers = [image, heat, outline].map((pixels) => {
    const canvas = new OffscreenCanvas(width, height);
    const data = new ImageData(new Uint8ClampedArray(pixels.buffer), width, height);
    canvas.getContext("2d").putImageData(data, 0, 0);
    return canvas;
  });
  $("decision").textContent = WORDS[verdict.decision];
  $("decision").className = verdict.decision;
  $("score").textContent = `score ${number(verdict.score)} · ${Math.round(ms)} ms · ${verdict.image}`;
  $("canvas").setAttribute("aria-label", `${verdict.image}: ${WORDS[verdict.decision]}`);
  $("warnings").replaceChildren(...verdict.warnings.map(({ message }) => {
    const item = document.createElement("li");
    item.textContent = message;
    return item;
  }));
  showRegions(verdict.regions);
  $("view").hidden = false;
  compose();
}

function showRegions(regions) {
  $("regions").hidden = regions.length === 0;
  $("no-regions").hidden = regions.length > 0;
  const rows = regions.map(({ box: [x, y, width, height], area, peak }, index) => {
    const row = document.createElement("tr");
    const texts = [index + 1, `${x}, ${y}`, `${width} x ${height}`, area, number(peak)];
    texts.forEach((text) => { row.insertCell().textContent = text; });
    return row;
  });
  $("regions").tBodies[0].replaceChildren(...rows);
}

function compose() {
  if (!layers) return;
  const [image, heat, outline] = layers;
  const canvas = $("canvas");
  [canvas.width, canvas.height] = [image.width, image.height];
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  if ($("show-heat").checked) context.drawImage(heat, 0, 0);
  if ($("show-outline").checked) context.drawImage(outline, 0, 0);
}

// Scores near 1 differ in late digits.
const number = (value) => (value > 0.99 && value < 1 ? value.toFixed(5) : value.toFixed(3));

// Camera

let camera; // the stream while it runs

async function startCamera() {
  fail("");
  if (!hasModel) return fail("Choose a model first.");
  if (!navigator.mediaDevices) return fail("Browsers allow the camera on localhost and over HTTPS alone.");
  try {
    camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch (error) {
    return fail(`The camera cannot be used: ${error.message}`);
  }
  $("camera").textContent = "Stop camera";
  $("video").srcObject = camera;
  await $("video").play();
  chosen = undefined;
  markChosen();
  follow(camera);
}

// One frame after the other, each when the one before is shown.
async function follow(stream) {
  const video = $("video");
  while (camera === stream) {
    const [width, height] = [video.videoWidth, video.videoHeight];
    if (!width) {
      await new Promise(requestAnimationFrame);
      continue;
    }
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    context.drawImage(video, 0, 0);
    const bytes = new Uint8Array(context.getImageData(0, 0, width, height).data.buffer);
    const result = await call({ call: "inspect_pixels", bytes, name: "camera", width, height }, [bytes.buffer]);
    if (camera !== stream) return;
    if (result.error) {
      stopCamera();
      return fail(result.error);
    }
    draw(JSON.parse(result.reply), result);
    await new Promise(requestAnimationFrame);
  }
}

function stopCamera() {
  camera?.getTracks().forEach((track) => track.stop());
  camera = undefined;
  $("video").srcObject = null;
  $("camera").textContent = "Camera";
  pump();
}

// Inputs

function take(files) {
  const all = [...files];
  const models = all.filter((file) => file.name.endsWith(".anoseg"));
  if (models.length) loadModel(models.at(-1));
  const images = all.filter((file) => !file.name.endsWith(".anoseg"));
  if (images.length) addImages(images);
}

for (const id of ["model-file", "image-files"]) {
  $(id).onchange = ({ target }) => {
    const files = [...target.files];
    target.value = ""; // the same file may be chosen again
    if (id === "model-file" && files.length) loadModel(files[0]);
    else take(files);
  };
}
for (const id of ["show-heat", "show-outline"]) $(id).onchange = compose;
$("camera").onclick = () => (camera ? stopCamera() : startCamera());
$("clear").onclick = () => {
  entries.length = 0;
  $("rows").replaceChildren();
  chosen = undefined;
  $("list").hidden = true;
  $("view").hidden = !camera;
  fail("");
};
addEventListener("paste", ({ clipboardData }) => take(clipboardData.files));
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
addEventListener("dragleave", ({ relatedTarget }) => {
  if (!relatedTarget) document.body.classList.remove("dropping");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  take(event.dataTransfer.files);
});
