// The view of the verdicts that the server keeps: the list. verdict.js shows one of them.

import { $, element, head, moment, score, tell } from "./dom.js";
import { isFiltered, offerModels, prepareFilter, queryOf, showFilter } from "./filter.js";
import { modelNames } from "./models.js";
import { parametersOf, replaceRoute, viewOf } from "./route.js";
import { Failure, call } from "./server.js";
import { S } from "./strings.js";
import { loadThumbnail } from "./thumbnails.js";
import { closeVerdict, showVerdict, shownVerdict } from "./verdict.js";

/** Verdicts of a page. */
const PAGE = 50;

let query = ""; // of the list that is shown
let rows = new Map(); // verdicts by number
let elements = new Map(); // { text, row } by number
let next; // where older ones begin
let isKept = true; // whether the server keeps a history

export function prepareHistory() {
  prepareFilter((parameters) => {
    const id = parametersOf().get("id");
    if (id) parameters.set("id", id);
    replaceRoute("history", parameters);
  });
  $("verdicts").tHead.append(head(S.historyHead));
  $("older").onclick = () => read(next);
  addEventListener("stated", () => viewOf() === "history" && refreshHistory());
}

/** Shows what the hash asks for. */
export async function showHistory() {
  const parameters = parametersOf();
  showFilter(parameters, modelNames());
  showChosen(parameters);
  const wanted = queryOf(parameters).toString();
  if (wanted !== query) {
    query = wanted;
    forget();
  }
  markShown();
  await read();
}

function showChosen(parameters) {
  const id = Number(parameters.get("id"));
  if (id > 0) showVerdict(id, close);
  else closeVerdict();
}

/** Reads what came since. */
export async function refreshHistory() {
  if (!isKept) return;
  offerModels(modelNames());
  showChosen(parametersOf());
  await read();
}

function forget() {
  rows = new Map();
  elements = new Map();
  next = undefined;
  $("verdicts").tBodies[0].replaceChildren();
}

function close() {
  const parameters = parametersOf();
  const id = parameters.get("id");
  parameters.delete("id");
  replaceRoute("history", parameters);
  $("verdicts").querySelector(`[data-verdict="${id}"]`)?.focus();
}

async function read(before) {
  const asked = query;
  const parameters = new URLSearchParams(query);
  parameters.set("count", PAGE);
  if (before) parameters.set("before", before);
  if (before) $("older").disabled = true;
  try {
    const page = await (await call(`/v1/history?${parameters}`)).json();
    if (asked !== query) return;
    isKept = true;
    take(page, before);
    draw();
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    if (failure.code === "no_history") isKept = false;
    else if (!["gone", "unauthorized", "loading"].includes(failure.code)) tell(failure);
  } finally {
    $("older").disabled = false;
    $("history-off").hidden = isKept;
    $("history-box").hidden = !isKept;
  }
}

/** Adds a page to the list. A newest page that does not reach the list begins it anew. */
function take(page, before) {
  const least = page.rows.at(-1)?.id ?? 0;
  if (!before && page.next && ![...rows.keys()].some((id) => id >= least)) forget();
  const isFirst = rows.size === 0;
  for (const row of page.rows) rows.set(row.id, row);
  if (before || isFirst) next = page.next ?? undefined;
}

function draw() {
  const sorted = [...rows.values()].sort((a, b) => b.id - a.id);
  const body = $("verdicts").tBodies[0];
  sorted.forEach((verdict, index) => {
    const text = JSON.stringify([verdict.feedback, verdict.name]);
    const known = elements.get(verdict.id);
    if (known?.text === text) {
      if (body.rows[index] !== known.row) body.insertBefore(known.row, body.rows[index] ?? null);
      return;
    }
    const row = rowOf(verdict, known?.row);
    if (known) known.row.replaceWith(row);
    else body.insertBefore(row, body.rows[index] ?? null);
    elements.set(verdict.id, { text, row });
  });
  $("history-none").hidden = sorted.length > 0;
  $("history-none").textContent = isFiltered(parametersOf()) ? S.historyNone : S.historyEmpty;
  $("verdicts-box").hidden = sorted.length === 0;
  $("older").hidden = !next;
  markShown();
}

function rowOf(verdict, before) {
  const { id, time, name, decision, model, feedback } = verdict;
  const focused = before?.contains(document.activeElement);
  const choose = element("a", { className: "link", textContent: name });
  choose.dataset.verdict = id;
  const image = before?.querySelector("img") ?? element("img", { alt: "", width: 56, height: 42, className: "small" });
  if (!before) loadThumbnail(image, id);
  const cell = (text, className) => element("td", { textContent: text, className });
  const row = element(
    "tr",
    {},
    cell(moment(time), "time"),
    element("td", { className: "named" }, image, choose),
    element("td", { className: "decided" }, element("span", { className: `chip ${decision}`, textContent: S.words[decision] })),
    cell(score(verdict.score), "number"),
    cell(S.modelAt(model.name, model.version), "model"),
    cell(feedback ? S.stands[feedback] : "", `stated ${feedback ?? ""}`),
  );
  if (focused) queueMicrotask(() => choose.focus());
  return row;
}

/** Links keep the filter; the verdict that is shown is marked. */
function markShown() {
  for (const link of $("verdicts").querySelectorAll("[data-verdict]")) {
    const parameters = parametersOf();
    parameters.set("id", link.dataset.verdict);
    link.href = `#history?${parameters}`;
    link.setAttribute("aria-current", Number(link.dataset.verdict) === shownVerdict());
  }
}
