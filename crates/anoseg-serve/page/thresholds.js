// Thresholds: sliders, what they promise, and what is sent with each request.

import { $, drawn, element, head, percent, score } from "./dom.js";
import { above, place, promised, valueAt } from "./rates.js";
import { S } from "./strings.js";

/** Most marks of one kind in the strip. */
const MOST_MARKS = 300;

const KINDS = ["image", "review"];
const LABELS = { image: S.rejectAbove, review: S.reviewAbove };

let calibration; // as the server tells it
let thresholds; // { image, review } in use
const inputs = {};
let sessionScores = () => [];
let settled = () => {};

/** Makes the sliders. `scores` gives the session's scores, `onSettled` is called after a change. */
export function prepareThresholds(scores, onSettled) {
  sessionScores = scores;
  settled = onSettled;
  for (const kind of KINDS) $("sliders").append(slider(kind));
  $("rates").append(
    element("caption", { className: "unseen", textContent: S.ratesCaption }),
    element("thead", {}, head(S.ratesHead)),
    element("tbody"),
  );
  $("reset").onclick = () => {
    thresholds = calibrated();
    drawThresholds();
    settled();
  };
  drawThresholds();
}

function slider(kind) {
  const id = `${kind}-threshold`;
  const range = element("input", { type: "range", id, min: 0, max: 1, step: 0.001, disabled: true });
  const number = element("input", { type: "number", min: 0, max: 1, step: "any", disabled: true });
  number.setAttribute("aria-label", S.valueOf(LABELS[kind]));
  range.oninput = () => move(kind, valueAt(range.valueAsNumber));
  range.onchange = () => settled();
  number.onchange = () => {
    if (number.value !== "" && number.checkValidity()) {
      move(kind, number.valueAsNumber);
      settled();
    } else {
      drawThresholds();
    }
  };
  inputs[kind] = { range, number };
  const label = element("label", { htmlFor: id, textContent: LABELS[kind], className: kind });
  return element("div", { className: "slider" }, label, range, number);
}

/** Review is never above reject: the other one moves along. */
function move(kind, value) {
  thresholds[kind] = value;
  if (thresholds.review > thresholds.image) thresholds[kind === "image" ? "review" : "image"] = value;
  drawThresholds();
}

const calibrated = () => ({ image: calibration.image_threshold, review: calibration.review_threshold });

/** Takes the thresholds of a model; undefined where none is loaded. Changed ones stay for the same model. */
export function setCalibration(now) {
  const same = now && now.digest === calibration?.digest;
  calibration = now;
  if (!same) thresholds = now && calibrated();
  drawThresholds();
}

export const calibrationDigest = () => calibration?.digest;

export const isOverridden = () => Boolean(calibration) && KINDS.some((kind) => thresholds[kind] !== calibrated()[kind]);

/** What a request carries: nothing where the calibrated thresholds are in use. */
export function thresholdQuery() {
  return isOverridden() ? `?image_threshold=${thresholds.image}&review_threshold=${thresholds.review}` : "";
}

export const thresholdsInUse = () => thresholds;

export function drawThresholds() {
  for (const kind of KINDS) {
    const { range, number } = inputs[kind];
    range.disabled = number.disabled = !calibration;
    if (!calibration) continue;
    range.value = place(thresholds[kind]);
    range.setAttribute("aria-valuetext", score(thresholds[kind]));
    if (document.activeElement !== number || number.valueAsNumber !== thresholds[kind]) {
      number.value = thresholds[kind];
    }
  }
  $("reset").disabled = !isOverridden();
  drawStrip();
  drawRates();
}

function drawRates() {
  const [body] = $("rates").tBodies;
  body.replaceChildren();
  $("promise").textContent = "";
  $("rates").hidden = !calibration;
  if (!calibration) return;
  const { normal_scores: normal, held_out: heldOut, representative } = calibration;
  const session = sessionScores();
  const row = (title, cell) => {
    const made = element("tr", {}, element("th", { scope: "row", textContent: title }));
    for (const kind of KINDS) made.append(element("td", {}, ...cell(thresholds[kind])));
    body.append(made);
  };
  const rate = (scores) => (threshold) => {
    const count = above(scores, threshold);
    if (!scores.length) return [S.rateNone];
    const note = element("span", { className: "count", textContent: S.countOf(count, scores.length) });
    return [percent(count / scores.length), " ", note];
  };
  const promise = (threshold) =>
    representative && normal.length
      ? [S.promiseAtMost(percent(promised(above(normal, threshold), normal.length)))]
      : [S.promiseNone];
  row(S.ratesCalibration, rate(normal));
  row(S.ratesPromise, promise);
  row(S.ratesSession, rate(session));
  $("promise").textContent = !normal.length
    ? S.promiseUnknown
    : representative
      ? S.promiseWords(normal.length, percent(promised(0, normal.length)))
      : heldOut
        ? S.promiseAimed(normal.length)
        : S.promiseTrained(normal.length);
}

// The strip: a band of the three decisions, scores of the calibration above it, those of the session below

const WIDTH = 400;
const [BAND_TOP, BAND_BOTTOM] = [26, 36];
const TICKS = [0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999];

function drawStrip() {
  $("strip").replaceChildren();
  if (!calibration) return;
  const x = (value) => (WIDTH * place(value)).toFixed(1);
  const { image, review } = thresholds;
  const session = sessionScores();
  const strip = drawn("svg", {
    viewBox: `-4 0 ${WIDTH + 8} 76`,
    role: "img",
    class: "strip",
    "aria-label": S.stripLabel(score(image), score(review), calibration.normal_scores.length, session.length),
  });
  const zone = (from, to, decision) =>
    strip.append(
      drawn("rect", { x: from, y: BAND_TOP, width: Math.max(0, to - from), height: BAND_BOTTOM - BAND_TOP, class: decision }),
    );
  zone(0, x(review), "good");
  zone(x(review), x(image), "review");
  zone(x(image), WIDTH, "reject");
  const marks = (scores, from, to, kind) => {
    for (const value of thinned(scores)) {
      strip.append(drawn("line", { x1: x(value), x2: x(value), y1: from, y2: to, class: kind }));
    }
  };
  marks(calibration.normal_scores, BAND_TOP - 11, BAND_TOP - 2, "normal");
  marks(session, BAND_BOTTOM + 2, BAND_BOTTOM + 11, "session");
  strip.append(drawn("text", { x: 0, y: 10 }, S.stripNormal), drawn("text", { x: 0, y: 60 }, S.stripSession));
  for (const value of [review, image]) {
    strip.append(drawn("line", { x1: x(value), x2: x(value), y1: BAND_TOP - 6, y2: BAND_BOTTOM + 6, class: "limit" }));
  }
  for (const value of TICKS) {
    strip.append(drawn("text", { x: x(value), y: 74, "text-anchor": "middle" }, String(value)));
  }
  $("strip").append(strip);
}

/** Evenly chosen among sorted scores, the highest with them. */
function thinned(scores) {
  if (scores.length <= MOST_MARKS) return scores;
  const sorted = [...scores].sort((a, b) => b - a);
  return Array.from({ length: MOST_MARKS }, (_, i) => sorted[Math.floor((i * sorted.length) / MOST_MARKS)]);
}
