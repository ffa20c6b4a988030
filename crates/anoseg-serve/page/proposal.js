// Of a version, below the list of models: what thresholds feedback speaks for, and how it differs from its former one.

import { $, duration, element, moment, percent, score } from "./dom.js";
import { comparison, table } from "./comparison.js";
import { Failure, call } from "./server.js";
import { S } from "./strings.js";

const pathOf = ({ name, version }, route) => `/v1/models/${encodeURIComponent(name)}/versions/${version}/${route}`;

let asked = 0; // the newest request: answers of former ones are dropped

/** Shows a report. `read` gives its elements. */
async function report(title, read, back) {
  const own = ++asked;
  $("report-title").textContent = title;
  $("report-close").onclick = () => {
    asked++;
    $("report").hidden = true;
    document.querySelector(`[data-action="${CSS.escape(back)}"]`)?.focus();
  };
  $("report").hidden = false;
  $("report-title").focus();
  let content;
  try {
    content = await read();
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    const words = { no_verdicts: S.proposalNoVerdicts, no_feedback: S.proposalNoFeedback, no_regression: S.regressionNone };
    content = [element("p", { textContent: words[failure.code] ?? [failure.what, failure.way].join(" ") })];
  }
  if (own === asked) $("report-content").replaceChildren(...content);
}

/** What feedback says of the thresholds of a version. */
export function showProposal(listing, back) {
  const read = async () => {
    const box = element("input", { type: "checkbox", id: "unquestioned" });
    const label = element("label", { className: "check" }, box, S.proposalUnquestioned);
    const figures = element("div", { className: "stack" });
    const draw = async () => {
      const own = asked;
      const made = await proposed(listing, box.checked);
      if (own === asked) figures.replaceChildren(...made);
    };
    box.onchange = draw;
    await draw();
    return [label, figures];
  };
  return report(S.proposalTitle(listing.name, listing.version), read, back);
}

async function proposed(listing, unquestioned) {
  let answer;
  try {
    answer = await (await call(`${pathOf(listing, "proposal")}?unquestioned=${unquestioned}`)).json();
  } catch (failure) {
    // Other sources may have scores.
    if (failure.code === "no_feedback") return [element("p", { textContent: S.proposalNoFeedback })];
    throw failure;
  }
  const { present, proposed: wanted, rule, false_reject: reject, review, scores, remarks, regression } = answer;
  const row = (title, kind) => {
    const texts = [present, wanted].map((of) => score(of[kind]));
    return [title, texts[0], texts[0] === texts[1] ? S.same : texts[1]];
  };
  const list = element("ul", { className: "warnings" }, ...remarks.map((textContent) => element("li", { textContent })));
  return [
    table(S.proposalHead, [row(S.reviewAbove, "review"), row(S.rejectAbove, "image")]),
    element("p", { textContent: S.proposalScores(scores.confirmed, scores.unquestioned, scores.calibration) }),
    element("p", { className: "hint", textContent: `${S.proposalRates(percent(reject), percent(review))} ${S.proposalRules[rule] ?? ""}` }),
    list,
    ...comparison(regression),
    element("p", { textContent: S.proposalCommand }),
    element("pre", { className: "command", tabIndex: 0, textContent: command(unquestioned) }),
  ];
}

const command = (unquestioned) =>
  `anoseg feedback thresholds MODEL.anoseg --history FOLDER${unquestioned ? " --unquestioned" : ""} --output NEW.anoseg`;

/** How a version decides against its former one. */
export function showRegression(listing, back) {
  const read = async () => {
    const answer = await (await call(pathOf(listing, "regression"))).json();
    const { former, time, seconds, available, images, left_out: leftOut, complete, regression } = answer;
    return [
      element("p", { textContent: S.regressionFormer(former.version, moment(time), duration(seconds)) }),
      element("p", { textContent: S.regressionImages(images, available, leftOut) }),
      ...(complete ? [] : [element("p", { className: "hint", textContent: S.regressionPartly })]),
      ...comparison(regression),
    ];
  };
  return report(S.regressionTitle(listing.name, listing.version), read, back);
}
