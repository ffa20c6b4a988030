// A verdict of the history: its image, regions, thresholds, what was stated of it, and stating it.

import { $, drawn, element, head, moment, score } from "./dom.js";
import { choices, state, wordsOf } from "./feedback.js";
import { entryOfVerdict } from "./inspect.js";
import { Failure, call } from "./server.js";
import { S } from "./strings.js";
import { loadThumbnail, showBlob } from "./thumbnails.js";

let shown; // the number of the verdict
let onClose = () => {};

export const shownVerdict = () => shown;

export function prepareVerdict() {
  $("verdict-regions").tHead.append(head(S.regionHead));
  $("verdict-close").onclick = () => onClose();
  // A listener: the result of a handler, false, would keep other keys from what they do.
  $("verdict").addEventListener("keydown", ({ key }) => key === "Escape" && onClose());
}

export function closeVerdict() {
  shown = undefined;
  $("verdict").hidden = true;
  $("history-columns").classList.remove("two");
}

/** Shows a verdict, unless it is shown already. */
export async function showVerdict(id, close) {
  onClose = close;
  if (shown === id) return;
  shown = id;
  try {
    const verdict = await (await call(`/v1/history/${id}`)).json();
    if (shown === id) draw(verdict);
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    if (shown !== id) return;
    // What the server does not know is not asked for again.
    if (failure.code !== "unknown_verdict") shown = undefined;
    reveal();
    $("verdict-content").hidden = true;
    $("verdict-title").textContent = S.nameless(id);
    $("verdict-failure").hidden = false;
    $("verdict-failure").textContent =
      failure.code === "unknown_verdict" ? S.verdictMissing : [failure.what, failure.way].join(" ");
  }
}

function reveal() {
  $("verdict").hidden = false;
  $("history-columns").classList.add("two");
  $("verdict-title").focus();
}

function draw(verdict) {
  const { id, name, decision, model, time, request, regions } = verdict;
  const isNew = Number($("verdict").dataset.id) !== id || $("verdict").hidden || $("verdict-content").hidden;
  $("verdict").dataset.id = id;
  $("verdict-failure").hidden = true;
  $("verdict-content").hidden = false;
  $("verdict-title").textContent = S.verdictTitle(name);
  $("verdict-line").className = `verdict-line ${decision}`;
  $("verdict-line").textContent = S.verdictLine(S.words[decision], score(verdict.score));
  $("verdict-of").textContent = S.verdictOf(moment(time), model.name, model.version, request);
  $("verdict-used").textContent = decided(verdict);
  if (isNew) {
    $("feedback-note").value = "";
    $("feedback-file").value = "";
    drawImage(verdict);
    drawRegions(regions);
    reveal();
  }
  drawFeedback(verdict);
}

/** What decided: the thresholds, or what the request asked for in their place. */
function decided({ used, decided_by: by }) {
  const pixel = score(used.pixel);
  const by_regions = by?.rule === "regions";
  const rule = by_regions
    ? S.verdictByRegions(by.min_pixels ?? 1, score(by.min_peak ?? 0), pixel)
    : S.verdictUsed(score(used.image), score(used.review), pixel);
  const places = [...(by?.roi ? [S.verdictInside(by.roi)] : []), ...(by?.ignore ?? []).map(S.verdictIgnored)];
  return [rule, ...places].join(" ");
}

function drawImage({ id, name, width, height, regions }) {
  const entry = entryOfVerdict(id);
  const isOpen = Boolean(entry && !entry.unshown && entry.url);
  const image = element("img", { alt: isOpen ? name : S.thumbnailAlt(name) });
  if (isOpen) showBlob(image, entry.blob);
  else loadThumbnail(image, id);
  const marks = drawn("svg", { "aria-hidden": "true", viewBox: `0 0 ${width} ${height}` });
  for (const { box: [x, y, w, h] } of regions) {
    marks.append(drawn("rect", { x, y, width: w, height: h, "vector-effect": "non-scaling-stroke" }));
  }
  const frame = $("verdict-frame");
  frame.style.setProperty("--ratio", width / height);
  frame.replaceChildren(image, marks);
  $("verdict-size").textContent = (isOpen ? S.verdictSizeOpen : S.verdictSize)(width, height);
}

function drawRegions(regions) {
  $("verdict-regions-box").hidden = regions.length === 0;
  $("verdict-no-regions").hidden = regions.length > 0;
  const row = ({ box: [x, y, width, height], area, peak }, index) => {
    const texts = [S.regionName(index + 1), `${x}, ${y}`, `${width} x ${height}`, area, score(peak)];
    return element("tr", {}, ...texts.map((textContent) => element("td", { textContent })));
  };
  $("verdict-regions").tBodies[0].replaceChildren(...regions.map(row));
}

function drawFeedback(verdict) {
  const { id, decision, feedback, statements, original } = verdict;
  const items = statements.map(({ truth, author, time, note }) => {
    const line = element("span", { textContent: S.statement(S.stands[truth ?? "revoked"], author, moment(time)) });
    return element("li", {}, line, ...(note ? [element("p", { className: "note", textContent: note })] : []));
  });
  $("statements").replaceChildren(...items);
  $("statements-none").hidden = items.length > 0;
  const atHand = Boolean(entryOfVerdict(id)?.url);
  $("feedback-attach").hidden = atHand || Boolean(original);
  $("feedback-kept").hidden = !atHand && !original;
  $("feedback-kept").textContent = original ? S.feedbackFileKept : S.feedbackFileAtHand;
  $("feedback-failure").hidden = true;
  const buttons = choices(decision, feedback).map(([truth, text]) => {
    const button = element("button", { type: "button", textContent: text });
    button.dataset.truth = truth;
    button.onclick = () => send(verdict, truth);
    return button;
  });
  $("feedback-buttons").replaceChildren(...buttons);
}

async function send({ id, name, original }, truth) {
  const buttons = [...$("feedback-buttons").children];
  buttons.forEach((button) => (button.disabled = true));
  const atHand = original ? undefined : entryOfVerdict(id)?.blob;
  const file = truth === "revoked" ? undefined : ($("feedback-file").files[0] ?? atHand);
  try {
    const told = await state(id, truth, { note: $("feedback-note").value.trim(), file, name });
    const entry = entryOfVerdict(id);
    if (entry) entry.stated = told.feedback ?? undefined;
    if (shown !== id) return;
    $("feedback-note").value = "";
    $("feedback-file").value = "";
    draw(told);
    $("feedback-buttons").firstChild?.focus();
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    buttons.forEach((button) => (button.disabled = false));
    $("feedback-failure").textContent = wordsOf(failure);
    $("feedback-failure").hidden = false;
  }
}
