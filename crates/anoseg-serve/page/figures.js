// The server's figures: those of /metrics as numbers and small charts.

import { bars, curve, stacked } from "./charts.js";
import { $, duration, element, percent } from "./dom.js";
import { showAlarms } from "./drift.js";
import { call } from "./server.js";
import { S } from "./strings.js";

/** Readings of the curves: five minutes of one in five seconds. */
const ROOM = 60;

const history = []; // { time in seconds, images, waiting }

/** Reads the figures and shows them. */
export async function refreshFigures() {
  const samples = parse(await (await call("/metrics", { accept: "*/*" })).text());
  const sum = (name, holds = () => true) =>
    samples.filter((sample) => sample.name === name && holds(sample.labels)).reduce((all, { value }) => all + value, 0);
  const now = { time: performance.now() / 1000, images: sum("anoseg_decisions_total"), waiting: sum("anoseg_queue_length") };
  // The view of drift reads them itself.
  if ($("drift").hidden) showAlarms(sum("anoseg_drift_alarm"));
  // A server that was started anew counts from 0.
  if (history.at(-1)?.images > now.images) history.length = 0;
  history.push(now);
  history.splice(0, history.length - ROOM - 1);
  if (!$("figures").hidden) draw(samples, sum, now);
}

/** Samples of the OpenMetrics text format. */
export function parse(text) {
  const samples = [];
  for (const line of text.split("\n")) {
    const parts = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!parts) continue;
    const labels = {};
    for (const [, name, value] of (parts[2] ?? "").matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)) {
      labels[name] = value.replace(/\\(.)/g, (_, escaped) => (escaped === "n" ? "\n" : escaped));
    }
    samples.push({ name: parts[1], labels, value: Number(parts[3]) });
  }
  return samples;
}

function draw(samples, sum, now) {
  const tiles = [
    imagesTile(now),
    waitingTile(now),
    timeTile(samples),
    meanTile(S.figureNetwork, "anoseg_network_seconds", sum),
    meanTile(S.figureDecode, "anoseg_decode_seconds", sum),
    countsTile(S.figureRequests, samples, "anoseg_requests_total", "status"),
    countsTile(S.figureFailures, samples, "anoseg_failures_total", "reason"),
    ...decisionTiles(samples),
  ];
  $("figures-list").replaceChildren(...tiles);
}

function tile(title, value, note, ...more) {
  return element(
    "section",
    { className: "card tile" },
    element("h3", { textContent: title }),
    element("p", { className: "value", textContent: value }),
    element("p", { className: "hint", textContent: note }),
    ...more,
  );
}

function curveOf(title, values) {
  const rounded = values.map((value) => Number(value.toFixed(1)));
  return curve(values, ROOM, S.figureChart(title, Math.min(...rounded, Infinity), Math.max(...rounded, 0)));
}

function imagesTile(now) {
  const rates = history.slice(1).map(({ time, images }, i) => (images - history[i].images) / Math.max(0.1, time - history[i].time));
  const chart = rates.length ? [curveOf(S.figureImages, rates)] : [];
  return tile(S.figureImages, now.images, S.figurePerSecond((rates.at(-1) ?? 0).toFixed(1)), ...chart);
}

function waitingTile(now) {
  return tile(S.figureWaiting, now.waiting, S.figureWaitingHint, curveOf(S.figureWaiting, history.map(({ waiting }) => waiting)));
}

const INSPECTS = /\/(predict|infer)$/;

/** Counts of the buckets of requests with images: [{ limit, count }]. */
function buckets(samples) {
  const cumulative = new Map();
  for (const { name, labels, value } of samples) {
    if (name !== "anoseg_request_seconds_bucket" || !INSPECTS.test(labels.route)) continue;
    const limit = labels.le === "+Inf" ? Infinity : Number(labels.le);
    cumulative.set(limit, (cumulative.get(limit) ?? 0) + value);
  }
  const sorted = [...cumulative].sort(([a], [b]) => a - b);
  return sorted.map(([limit, count], i) => ({ limit, count: count - (i ? sorted[i - 1][1] : 0) }));
}

function timeTile(samples) {
  const counts = buckets(samples);
  const all = counts.reduce((sum, { count }) => sum + count, 0);
  if (!all) return tile(S.figureTime, "–", S.figureTimeNone);
  const text = (limit) => (limit === Infinity ? S.beyond : duration(limit));
  const within = (share) => {
    let sum = 0;
    return text(counts.find(({ count }) => (sum += count) >= share * all).limit);
  };
  const label = counts.filter(({ count }) => count).map(({ limit, count }) => S.bucket(text(limit), count));
  const chart = bars(counts.map(({ count }) => count), label.join(", "));
  return tile(S.figureTime, S.figureTimeValue(within(0.5)), S.figureTimeHint(within(0.95)), chart);
}

function meanTile(title, name, sum) {
  const count = sum(`${name}_count`);
  return tile(title, count ? duration(sum(`${name}_sum`) / count) : "–", count ? S.figureMean : S.figureDecisionsNone);
}

/** Totals of a counter by one of its labels. */
function countsTile(title, samples, name, label) {
  const counts = new Map();
  for (const { name: each, labels, value } of samples) {
    if (each === name) counts.set(labels[label], (counts.get(labels[label]) ?? 0) + value);
  }
  const total = [...counts.values()].reduce((all, value) => all + value, 0);
  const list = [...counts].sort(([, a], [, b]) => b - a).map(([what, count]) => `${what}: ${count}`);
  return tile(title, total, list.join(", ") || S.figureFailuresNone);
}

function decisionTiles(samples) {
  const counts = new Map();
  for (const { name, labels, value } of samples) {
    if (name !== "anoseg_decisions_total") continue;
    const of = counts.get(labels.model) ?? { good: 0, review: 0, reject: 0 };
    of[labels.decision] += value;
    counts.set(labels.model, of);
  }
  return [...counts].map(([model, of]) => {
    const parts = Object.entries(of).map(([kind, count]) => ({ kind, count }));
    const all = parts.reduce((sum, { count }) => sum + count, 0);
    const text = ({ kind, count }) => S.decisionCount(S.words[kind], count, percent(count / all));
    const legend = parts.map((part) => element("li", { className: `chip ${part.kind}`, textContent: text(part) }));
    const title = element("h3", { textContent: `${S.figureDecisions}: ${model}` });
    const chart = stacked(parts, parts.map(text).join(", "));
    return element("section", { className: "card tile wide" }, title, chart, element("ul", { className: "legend" }, ...legend));
  });
}
