// Decisions that change: by other thresholds, or by another version of a model.

import { element, head, score } from "./dom.js";
import { S } from "./strings.js";

/** Of good parts and defects that were decided, how many wrongly: [missed of defects, rejected of good ones]. */
const counts = ({ good, defect }) => {
  const sum = (list) => list.reduce((all, count) => all + count, 0);
  return [S.compareMissedOf(defect[0], sum(defect)), S.compareMissedOf(good[2], sum(good))];
};

/** Elements that show it. */
export function comparison({ verdicts, changed, worse, better, before, after, changes }) {
  const [missedBefore, falseBefore] = counts(before);
  const [missedAfter, falseAfter] = counts(after);
  const made = [
    element("h4", { textContent: S.compareTitle }),
    element("p", { textContent: S.compareCount(changed, verdicts) }),
    element("p", { textContent: S.compareWorse(worse, better), className: worse ? "warning" : "" }),
    table(S.compareHead, [
      [S.compareMissed, missedBefore, missedAfter],
      [S.compareFalse, falseBefore, falseAfter],
    ]),
  ];
  if (changes.length) made.push(listOf(changes));
  if (changes.length < changed) {
    made.push(element("p", { className: "hint", textContent: S.changesMore(changes.length, changed) }));
  }
  return made;
}

/** A table of texts, the first of each row its head. */
export function table(titles, rows) {
  const row = ([title, ...texts]) =>
    element(
      "tr",
      {},
      element("th", { scope: "row", textContent: title }),
      ...texts.map((textContent) => element("td", { textContent })),
    );
  return element("table", { className: "plain" }, element("thead", {}, head(titles)), element("tbody", {}, ...rows.map(row)));
}

function listOf(changes) {
  const rows = changes.map(({ verdict, name, scores, before, after, feedback, worse }) => {
    const link = element("a", { href: `#history?id=${verdict}`, textContent: name || S.nameless(verdict) });
    const chip = (decision) =>
      element("td", {}, element("span", { className: `chip ${decision}`, textContent: S.words[decision] }));
    const stated = element("td", { textContent: feedback ? S.stands[feedback] : "" });
    if (worse) stated.append(" ", element("strong", { className: "worse", textContent: S.changeWorse }));
    const number = element("td", { textContent: S.scoreFromTo(...scores.map(score)) });
    return element("tr", {}, element("td", {}, link), number, chip(before), chip(after), stated);
  });
  const list = element("table", { className: "changes" }, element("thead", {}, head(S.changesHead)), element("tbody", {}, ...rows));
  const box = element("div", { className: "scroll", tabIndex: 0, role: "region" }, list);
  box.setAttribute("aria-label", S.compareTitle);
  return box;
}
