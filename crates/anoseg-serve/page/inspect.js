// Images to the server and verdicts back, one request under way at a time; the list of this session.

import { $, announce, element, head, score, tell, untell } from "./dom.js";
import { showStated } from "./feedback.js";
import { chosenModel, modelPath } from "./models.js";
import { Failure, back, call, inTurn, wait } from "./server.js";
import { layer, show, showBusy, showIdle, shownEntry } from "./stage.js";
import { S } from "./strings.js";
import { calibrationDigest, drawThresholds, thresholdQuery, thresholdsInUse } from "./thresholds.js";

/** Images in the list; older ones leave it, their scores stay. */
const MOST_ENTRIES = 40;

/** Scores that are kept. */
const MOST_SCORES = 20_000;

/** Attempts at a server that is gone, and at one that is busy. */
const [ATTEMPTS_GONE, ATTEMPTS_BUSY] = [3, 30];
const BUSY = ["queue_full", "memory_full", "loading"];

let entries = []; // the newest first
let scores = new Map(); // by image: { digest, value }
let number = 0;
let onDigest = () => {};

/** `digestChanged` is called when a verdict comes from another model file than the thresholds. */
export function prepareSession(digestChanged) {
  onDigest = digestChanged;
  $("session").tHead.append(head(S.sessionHead));
  $("clear").onclick = clear;
}

/** The scores of this session's images by the model in use. */
export function sessionScores() {
  const all = [...scores.values()].filter(({ digest }) => digest === calibrationDigest());
  return all.map(({ value }) => value);
}

/** Takes image files. They are inspected one after the other. */
export function addFiles(files) {
  untell();
  const added = [...files].map((file) => entryOf(file, file.name));
  added.forEach((entry) => inTurn(() => entries.includes(entry) && inspect(entry)));
}

export function entryOf(blob, name, isFrame = false) {
  const entry = { id: ++number, blob, name, isFrame };
  entries.unshift(entry);
  // An image that still waits is not dropped.
  const surplus = entries.slice(MOST_ENTRIES).filter((old) => (old.verdict || old.failure) && old !== shownEntry());
  surplus.forEach(release);
  entries = entries.filter((old) => !surplus.includes(old));
  drawList();
  return entry;
}

function release({ url, overlay }) {
  [url, overlay].filter(Boolean).forEach((old) => URL.revokeObjectURL(old));
}

function clear() {
  entries.forEach(release);
  entries = [];
  scores = new Map();
  showIdle(S.idleHint);
  showStated();
  drawList();
  drawThresholds();
}

/** Inspects an image and shows its verdict. */
export async function inspect(entry) {
  if (!entry.isFrame) showBusy(entry);
  const before = shownEntry();
  try {
    await judge(entry);
    entry.failure = undefined;
    untell();
    keepScore(entry);
    if (entry.verdict.model_digest !== calibrationDigest()) await onDigest();
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    if (entry.isFrame) throw failure;
    entry.failure = failure;
  }
  if (!entries.includes(entry)) return;
  show(entry);
  showStated(entry.failure ? undefined : entry);
  say(entry, before);
  drawList();
  drawThresholds();
}

async function judge(entry) {
  await readOnce(entry);
  for (let attempt = 1; ; attempt++) {
    try {
      if (!chosenModel()) throw new Failure("unknown_model");
      const [begun, query] = [performance.now(), thresholdQuery()];
      const thresholds = { ...thresholdsInUse() };
      const { response, verdict, overlay } = await send(entry, query);
      if (entry.overlay) URL.revokeObjectURL(entry.overlay);
      const version = response.headers.get("anoseg-model-version");
      const milliseconds = performance.now() - begun;
      // The number of the verdict, where the server keeps a history.
      const kept = Number(response.headers.get("anoseg-verdict")) || undefined;
      // Calibrated ones may be of a model that was replaced meanwhile, and are looked up when it is shown.
      Object.assign(entry, { verdict, version, milliseconds, kept, stated: undefined });
      entry.overlay = overlay && URL.createObjectURL(overlay);
      entry.thresholds = query ? thresholds : undefined;
      return;
    } catch (failure) {
      await again(failure, attempt, entry);
    }
  }
}

/** Reads a file into memory: it may be moved or changed later. */
async function readOnce(entry) {
  if (entry.url) return;
  try {
    entry.blob = new Blob([await entry.blob.arrayBuffer()], { type: entry.blob.type });
  } catch (error) {
    throw new Failure("unreadable", { message: error.message });
  }
  entry.url = URL.createObjectURL(entry.blob);
}

/**
 * Sends an image. The heat map comes with the verdict, as a form, so that it takes no second decision; frames of a
 * camera have one only while it is shown.
 */
async function send(entry, query) {
  const form = new FormData();
  form.append("image", entry.blob, entry.name);
  const withOverlay = !entry.isFrame || entry.unshown || layer() === "heat";
  const accept = withOverlay ? "multipart/form-data" : "application/json";
  const response = await call(modelPath("predict") + query, { method: "POST", body: form, accept, asks: true });
  try {
    if (!withOverlay) return { response, verdict: await response.json() };
    const parts = await response.formData();
    return { response, verdict: JSON.parse(parts.get("verdict")), overlay: parts.get("overlay") };
  } catch {
    throw new Failure("broken");
  }
}

/** Waits for the next attempt, or throws where another one is of no use. */
async function again(failure, attempt, entry) {
  if (failure.code === "gone" && !entry.isFrame) {
    if (attempt > ATTEMPTS_GONE) throw new Failure("broken");
    showBusy(entry, S.wordWaiting);
    tell(failure);
    await back();
    untell();
  } else if (BUSY.includes(failure.code) && attempt < ATTEMPTS_BUSY) {
    showBusy(entry, S.wordWaiting);
    await wait(1000 * failure.retryAfter);
  } else {
    throw failure;
  }
}

function keepScore(entry) {
  scores.set(entry.id, { digest: entry.verdict.model_digest, value: entry.verdict.score });
  if (scores.size > MOST_SCORES) scores.delete(scores.keys().next().value);
}

/** Camera frames are told when the decision changes. */
function say(entry, before) {
  if (entry.failure) return announce(S.announceFailed(entry.name, entry.failure.what));
  const { decision } = entry.verdict;
  if (entry.isFrame && before?.isFrame && before.verdict?.decision === decision) return;
  announce(S.announce(entry.name, S.words[decision], score(entry.verdict.score)));
}

/** Inspects the image that is shown again: the thresholds or the model changed. */
export function inspectAgain() {
  const entry = shownEntry();
  if (entry && !entry.isFrame) inTurn(() => entries.includes(entry) && inspect(entry));
}

/** A frame of a camera that was judged without its heat map is inspected again, which is a decision of its own. */
export function wantOverlay(entry) {
  if (entry.fetching || entry !== shownEntry()) return;
  entry.fetching = true;
  inTurn(() => entries.includes(entry) && inspect(entry)).catch(tellFailure).finally(() => (entry.fetching = false));
}

function tellFailure(failure) {
  if (!(failure instanceof Failure)) throw failure;
  tell(failure);
}

/** The image of this session that a verdict of the history is of. */
export const entryOfVerdict = (id) => entries.find(({ kept }) => kept === id);

function drawList() {
  $("session-empty").hidden = entries.length > 0;
  $("session-box").hidden = $("clear").hidden = entries.length === 0;
  const focused = document.activeElement?.dataset.entry;
  $("session").tBodies[0].replaceChildren(...entries.map(row));
  if (focused) $("session").querySelector(`[data-entry="${focused}"]`)?.focus();
}

function row(entry) {
  const { name, verdict, failure, milliseconds } = entry;
  const choose = element("button", { type: "button", className: "link", textContent: name });
  choose.dataset.entry = entry.id;
  choose.disabled = !verdict && !failure;
  choose.setAttribute("aria-current", entry === shownEntry());
  choose.onclick = () => {
    dispatchEvent(new Event("chosen"));
    show(entry);
    showStated(failure ? undefined : entry);
    drawList();
  };
  const cell = (text, className = "") => element("td", { textContent: text, className });
  const cells = failure
    ? [element("td", { textContent: failure.what, colSpan: 3, className: "message" })]
    : verdict
      ? [cell(S.words[verdict.decision], `chip ${verdict.decision}`), cell(score(verdict.score)), cell(Math.round(milliseconds))]
      : [element("td", { textContent: S.waiting, colSpan: 3, className: "message" })];
  return element("tr", {}, element("td", {}, choose), ...cells);
}
