// Models and versions: the choice for inspections, and the view with loading and unloading.

import { $, announce, confirmed, element, head, tell, untell } from "./dom.js";
import { showProposal, showRegression } from "./proposal.js";
import { Failure, call } from "./server.js";
import { S } from "./strings.js";

let listed = []; // as the index tells
let shownList = ""; // the list that is shown, as text
let chosen; // { name, version }, version empty for the highest one
let onChoice = () => {};

/** `choiceChanged` is called when another model is chosen, or when the versions that are loaded changed. */
export function prepareModels(choiceChanged) {
  onChoice = choiceChanged;
  $("model").onchange = () => {
    const [name, version] = JSON.parse($("model").value);
    chosen = { name, version };
    onChoice();
  };
}

export const chosenModel = () => chosen;

/** Whether it is loaded. */
export const isChosenLoaded = () =>
  Boolean(chosen) &&
  listed.some((each) => isReady(each) && each.name === chosen.name && (!chosen.version || each.version === chosen.version));

/** The path of a route of the model that is chosen. */
export function modelPath(route) {
  const version = chosen.version ? `/versions/${chosen.version}` : "";
  return `/v1/models/${encodeURIComponent(chosen.name)}${version}/${route}`;
}

/** The names of all models. */
export const modelNames = () => [...new Set(listed.map(({ name }) => name))];

/** The versions that are loaded: { name, version }. */
export const readyVersions = () => listed.filter(isReady);

const isReady = ({ state }) => state === "READY";

/** Asks the server for its list and shows what changed. */
export async function refreshModels(asks = false) {
  const response = await call("/v2/repository/index", { method: "POST", asks });
  listed = await response.json();
  const text = JSON.stringify(listed);
  if (text === shownList) return;
  shownList = text;
  drawChoice();
  drawModels();
  await onChoice();
}

function drawChoice() {
  const ready = listed.filter(isReady);
  const names = [...new Set(ready.map(({ name }) => name))];
  if (!chosen && names.length) chosen = { name: names[0], version: "" };
  const option = (name, version, text) =>
    element("option", { value: JSON.stringify([name, version]), textContent: text });
  const options = names.flatMap((name) => {
    const versions = ready.filter((version) => version.name === name);
    const single = versions.length > 1 ? versions.map(({ version }) => option(name, version, S.modelVersion(name, version))) : [];
    return [option(name, "", S.modelNewest(name)), ...single];
  });
  const value = chosen && JSON.stringify([chosen.name, chosen.version]);
  if (chosen && !options.some((each) => each.value === value)) {
    const name = chosen.version ? S.modelVersion(chosen.name, chosen.version) : chosen.name;
    options.push(option(chosen.name, chosen.version, S.modelGone(name)));
  }
  if (!options.length) options.push(option("", "", S.modelNone));
  $("model").replaceChildren(...options);
  if (value) $("model").value = value;
  $("model").disabled = !chosen;
}

function drawModels() {
  const names = modelNames();
  const focused = document.activeElement?.dataset.action;
  const cards = names.map((name) => card(name, listed.filter((version) => version.name === name)));
  if (!cards.length) cards.push(element("p", { className: "hint", textContent: S.modelsNone }));
  $("models-list").replaceChildren(...cards);
  if (focused) document.querySelector(`[data-action="${CSS.escape(focused)}"]`)?.focus();
}

function card(name, versions) {
  const newest = versions.findLast(isReady);
  const rows = versions.toReversed().map((version) => row(version, version === newest, versions));
  const table = element("table", {}, element("thead", {}, head(S.modelsHead)), element("tbody", {}, ...rows));
  const box = element("div", { className: "scroll", tabIndex: 0, role: "region" }, table);
  box.setAttribute("aria-label", name);
  return element("section", { className: "card" }, element("h3", { textContent: name }), box);
}

function row(listing, answers, versions) {
  const { name, version, state, reason } = listing;
  const ready = isReady(listing);
  const badge = element("span", { className: `pill ${ready ? "ok" : "off"}`, textContent: S.modelsStates[state] ?? state });
  const remark = reason || (answers ? S.modelsAnswers : "");
  const last = ready && versions.filter(isReady).length === 1;
  const actions = ready
    ? [action("load", listing, S.reload, S.confirmReload(name, version), S.confirmReloadText),
       action("unload", listing, S.unload, S.confirmUnload(name, version), S.confirmUnloadText(last)),
       report("proposal", listing, S.proposalOpen, showProposal),
       report("regression", listing, S.regressionOpen, showRegression)]
    : [action("load", listing, S.load, S.confirmLoad(name, version), S.confirmLoadText)];
  const made = element("tr", {}, element("th", { scope: "row", textContent: version }));
  made.append(element("td", {}, badge), element("td", { textContent: remark, className: "remark" }));
  made.append(element("td", { className: "actions" }, ...actions));
  return made;
}

function action(what, { name, version }, text, title, explanation) {
  const button = element("button", { type: "button", textContent: text });
  button.setAttribute("aria-label", `${text}: ${S.modelVersion(name, version)}`);
  button.dataset.action = `${what}/${name}/${version}`;
  button.onclick = async () => {
    if (!(await confirmed(title, explanation, text))) return;
    button.disabled = true;
    button.textContent = S.changing;
    await change(what, name, version);
    shownList = ""; // drawn anew, also where nothing changed
    await refreshModels().catch(tellFailure);
  };
  return button;
}

/** A button that shows what the server says of a version. */
function report(what, listing, text, show) {
  const { name, version } = listing;
  const button = element("button", { type: "button", className: "quiet", textContent: text });
  button.setAttribute("aria-label", `${text}: ${S.modelVersion(name, version)}`);
  button.dataset.action = `${what}/${name}/${version}`;
  button.onclick = () => show(listing, button.dataset.action);
  return button;
}

async function change(what, name, version) {
  untell();
  const path = `/v2/repository/models/${encodeURIComponent(name)}/versions/${version}/${what}`;
  try {
    await call(path, { method: "POST", asks: true });
    announce(S.changed(S.done[what], name, version));
  } catch (failure) {
    tellFailure(failure);
  }
}

function tellFailure(failure) {
  if (!(failure instanceof Failure)) throw failure;
  tell(failure);
}
