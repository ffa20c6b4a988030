// The filter of the history: a form, the query of a request, and the address's hash, so that a link can be sent.

import { $, element } from "./dom.js";
import { S } from "./strings.js";

/** Fields by the names that the server and the hash give them. */
const FIELDS = ["model", "decision", "feedback", "text", "from", "until", "least_score", "most_score"];

/** Milliseconds that a text is typed on before it is sought. */
const TYPING = 400;

let typing; // a timer while something was typed that is not sought yet

const field = (name) => $(`filter-${name.replace("_", "-")}`);

/** Fills the choices; `changed` is called with the parameters of the hash. */
export function prepareFilter(changed) {
  const option = ([value, textContent]) => element("option", { value, textContent });
  const any = ["", S.any];
  $("filter-decision").replaceChildren(...[any, ...Object.entries(S.words)].map(option));
  $("filter-feedback").replaceChildren(...[any, ...Object.entries(S.feedbackChoices)].map(option));
  const seek = () => {
    settle();
    if (isComplete()) changed(parametersOfForm());
  };
  for (const name of FIELDS) {
    field(name).oninput = () => {
      settle();
      typing = setTimeout(seek, TYPING);
      $("filter-reset").disabled = false;
    };
  }
  $("filter").onsubmit = (event) => {
    event.preventDefault();
    seek();
  };
  $("filter-reset").onclick = () => {
    settle();
    for (const name of FIELDS) field(name).value = "";
    $("filter-wrong").hidden = true;
    changed(new URLSearchParams());
  };
}

function settle() {
  clearTimeout(typing);
  typing = undefined;
}

function isComplete() {
  const complete = $("filter").checkValidity();
  $("filter-wrong").hidden = complete;
  return complete;
}

function parametersOfForm() {
  const parameters = new URLSearchParams();
  for (const name of FIELDS) if (field(name).value) parameters.set(name, field(name).value);
  return parameters;
}

/** Offers the models to choose from; the one that is chosen stays. */
export function offerModels(models) {
  const select = $("filter-model");
  const names = ["", ...[...new Set([...models, select.value])].filter(Boolean).sort()];
  if (names.length === select.length && names.every((name, index) => select.options[index].value === name)) return;
  const { value } = select;
  select.replaceChildren(...names.map((name) => element("option", { value: name, textContent: name || S.any })));
  select.value = value;
}

/** Shows the filter of a hash. A model that is not among the choices becomes one. */
export function showFilter(parameters, models) {
  offerModels([...models, parameters.get("model") ?? ""]);
  $("filter-reset").disabled = !isFiltered(parameters);
  // What was typed since comes into the hash next.
  if (typing) return;
  for (const name of FIELDS) {
    const value = parameters.get(name) ?? "";
    if (field(name).value !== value) field(name).value = value;
  }
  $("filter-wrong").hidden = true;
}

/** The query of the server. Dates are days of this machine's time, the last one included. */
export function queryOf(parameters) {
  const query = new URLSearchParams();
  for (const name of FIELDS) {
    const value = parameters.get(name);
    if (!value) continue;
    const day = /^(\d{4})-(\d{2})-(\d{2})$/.exec(value);
    if (name !== "from" && name !== "until") query.set(name, value);
    else if (day) query.set(name, new Date(day[1], day[2] - 1, Number(day[3]) + (name === "until")).getTime());
  }
  return query;
}

/** Whether a hash has a filter. */
export const isFiltered = (parameters) => FIELDS.some((name) => parameters.get(name));
