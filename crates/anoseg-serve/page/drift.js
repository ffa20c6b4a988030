// The view of drift: for each version that is loaded, its newest images against their reference.

import { curve, dots } from "./charts.js";
import { $, element, moment, percent, score, tell } from "./dom.js";
import { readyVersions } from "./models.js";
import { Failure, call } from "./server.js";
import { S } from "./strings.js";

/** Verdicts whose figures are drawn. */
const DRAWN = 256;

/** Images of a share in the curves of decisions. */
const WINDOW = 32;

const SIGNALS = ["score", "rejects", "reviews", "brightness", "sharpness"];

let shownText = "";

/** Shows how many alarms there are, beside the view's name. */
export function showAlarms(count) {
  $("drift-badge").hidden = count === 0;
  $("drift-badge").textContent = count;
  $("drift-badge").setAttribute("aria-label", S.alarms(count));
}

/** Reads the drift of all versions and shows what changed. */
export async function refreshDrift() {
  const answers = [];
  try {
    for (const { name, version } of readyVersions()) {
      const path = `/v1/models/${encodeURIComponent(name)}/versions/${version}/drift`;
      answers.push(await (await call(path)).json());
    }
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    if (failure.code === "no_history") return showNothing(S.driftOff);
    // A version that is unloaded meanwhile.
    if (!["gone", "unauthorized", "loading", "unknown_model"].includes(failure.code)) tell(failure);
    return;
  }
  showAlarms(answers.flatMap(({ monitors }) => monitors).filter(({ raised }) => raised).length);
  const text = JSON.stringify(answers);
  if (text === shownText) return;
  if (!answers.length) return showNothing(S.driftNone);
  const rows = await scoresOf(answers);
  shownText = text;
  // The newest version first: it answers.
  const cards = answers.toReversed().map((answer) => card(answer, rows.filter(({ model }) => model.digest === answer.digest)));
  $("drift-list").replaceChildren(...cards);
}

function showNothing(text) {
  shownText = "";
  $("drift-list").replaceChildren(element("p", { className: "card", textContent: text }));
}

/** The newest verdicts of the models, the oldest first. */
async function scoresOf(answers) {
  const rows = [];
  for (const model of new Set(answers.map(({ model }) => model))) {
    const query = new URLSearchParams({ model, count: DRAWN });
    const page = await (await call(`/v1/history?${query}`)).json();
    rows.push(...page.rows.toReversed());
  }
  return rows;
}

function card(answer, rows) {
  const { model, version, recent, monitors, baseline, images_per_false_alarm: images } = answer;
  const alarms = monitors.filter(({ raised }) => raised).length;
  const has_watched = monitors.some(({ statistic }) => statistic !== null);
  const calm = has_watched ? ["ok", S.driftFine] : ["", S.driftEarly];
  const [kind, word] = alarms ? ["alarm-pill", S.driftAlarm] : recent ? calm : ["", S.driftQuiet];
  const title = element("h3", {}, `${S.modelVersion(model, version)} `, element("span", { className: `pill ${kind}`, textContent: word }));
  if (!recent) return element("section", { className: "card drift" }, title);
  const lines = [
    S.driftRecent(recent),
    ...(monitors.some(({ against }) => against === "calibration") ? [] : [S.driftNoCalibration]),
    ...(baseline[0] < baseline[1] ? [S.driftBaseline(...baseline)] : []),
  ];
  const tiles = SIGNALS.map((signal) => tile(signal, answer, rows));
  const promise = S.driftPromise(images.toLocaleString("en-GB"), monitors.length);
  return element(
    "section",
    { className: "card drift" },
    title,
    element("p", { className: "hint", textContent: lines.join(" ") }),
    element("div", { className: "tiles" }, ...tiles, ...unlike(answer)),
    element("p", { className: "hint", textContent: monitors.length ? promise : "" }),
  );
}

/** Value, words about the reference, and chart of a signal. */
function figureOf(signal, answer, rows) {
  const share = (passes) => (_, index) => {
    const window = rows.slice(Math.max(0, index - WINDOW + 1), index + 1);
    return window.filter(passes).length / window.length;
  };
  const small = (value) => (value === null ? undefined : Number(value.toPrecision(3)));
  switch (signal) {
    case "score": {
      const reference = answer.calibration_scores?.map(score);
      const used = rows.at(-1)?.used;
      const chart = dots(rows, [used?.review, used?.image].filter(Number.isFinite), label(signal, rows.map((row) => row.score)));
      return [score(answer.scores[0]), S.driftScoreHint(answer.scores.map(score), reference), chart];
    }
    case "rejects": {
      const values = rows.map(share(({ decision }) => decision === "reject"));
      return [percent(answer.rejected), S.driftShareHint(percent(answer.false_reject)), line(signal, values)];
    }
    case "reviews": {
      const values = rows.map(share(({ decision }) => decision !== "good"));
      return [percent(answer.flagged), S.driftShareHint(percent(answer.review)), line(signal, values)];
    }
    default: {
      const [recent, reference] = answer[signal];
      return [small(recent) ?? "–", S.driftMedianHint(small(reference)), line(signal, rows.map((row) => row[signal]))];
    }
  }
}

function label(signal, values) {
  const rounded = values.map((value) => Number(value.toPrecision(3)));
  return S.driftChart(S.driftSignals[signal], values.length, Math.min(...rounded), Math.max(...rounded));
}

const line = (signal, values) => curve(values, Math.max(2, values.length), label(signal, values));

function tile(signal, answer, rows) {
  const [value, hint, chart] = figureOf(signal, answer, rows);
  const monitors = answer.monitors.filter((monitor) => monitor.signal === signal);
  const isRaised = monitors.some(({ raised }) => raised);
  const states = monitors.length ? monitors.map(stateOf) : [element("li", { textContent: S.driftMonitorsNone })];
  return element(
    "section",
    { className: `tile inner ${isRaised ? "raised" : ""}` },
    element("h4", { textContent: S.driftSignals[signal] }),
    element("p", { className: "value", textContent: value }),
    element("p", { className: "hint", textContent: hint }),
    ...(rows.length > 1 ? [chart] : []),
    element("ul", { className: "monitors" }, ...states),
  );
}

function stateOf({ signal, against, can_alarm: can, statistic, raised }) {
  const reference = S.driftAgainst[against];
  if (!raised) {
    const fine = statistic === null ? S.driftMonitorWaits : S.driftMonitorFine;
    const kind = can && statistic !== null ? "ok" : "cannot";
    return element("li", { textContent: (can ? fine : S.driftMonitorCannot)(reference), className: kind });
  }
  const isShare = signal === "rejects" || signal === "reviews";
  const what = isShare
    ? S.driftShare(percent(raised.statistic))
    : raised.higher ? S.driftHigher(percent(raised.statistic)) : S.driftLower(percent(1 - raised.statistic));
  const text = S.driftMonitorAlarm(reference, moment(raised.time), raised.window, what);
  const link = element("a", { href: `#history?id=${raised.verdict}`, textContent: S.driftAlarmVerdict });
  return element("li", { className: "alarm-line" }, element("strong", { textContent: text }), " ", link);
}

function unlike({ unlike_training: share }) {
  if (share === null) return [];
  const parts = [
    element("h4", { textContent: S.driftUnlike }),
    element("p", { className: "value", textContent: percent(share) }),
    element("p", { className: "hint", textContent: S.driftUnlikeHint }),
  ];
  return [element("section", { className: "tile inner" }, ...parts)];
}
