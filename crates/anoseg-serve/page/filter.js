// The filter of the history: a form, the query of a request, and the address's hash, so that a link can be sent.

import { $, element } from "./dom.js";
import { S } from "./strings.js";

/** Fields by the names that the server and the hash give them. */
const FIELDS = ["model", "decision", "feedback", "text", "from", "until", "least_score", "most_score"];

/** Milliseconds that a text is typed on before it is sought. */
const TYPING = 400;

const field = (name) => $(`filter-${name.replace("_", "-")}`);

/** Fills the choices; `changed` is called with the parameters of the hash. */
export function prepareFilter(changed) {
  const option = ([value, textContent]) => element("option", { value, textContent });
  const any = ["", S.any];
  $("filter-decision").replaceChildren(...[any, ...Object.entries(S.words)].map(option));
  $("filter-feedback").replaceChildren(...[any, ...Object.entries(S.feedbackChoices)].map(option));
  let typing;
  for (const name of FIELDS) {
    field(name).oninput = () => {
      clearTimeout(typing);
      typing = setTimeout(() => isComplete() && changed(parametersOfForm()), TYPING);
    };
  }
  $("filter").onsubmit = (event) => {
    event.preventDefault();
    clearTimeout(typing);
    if (isComplete()) changed(parametersOfForm());
  };
  $("filter-reset").onclick = () => {
    clearTimeout(typing);
    changed(new URLSearchParams());
  };
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

/** Shows the filter of a hash. A model that is not among the choices becomes one. */
export function showFilter(parameters, models) {
  const chosen = parameters.get("model") ?? "";
  const names = [...new Set([...models, chosen])].filter(Boolean).sort();
  const option = (name) => element("option", { value: name, textContent: name || S.any });
  const kept = document.activeElement === $("filter-model");
  if (!kept) $("filter-model").replaceChildren(...["", ...names].map(option));
  for (const name of FIELDS) {
    const value = parameters.get(name) ?? "";
    if (field(name).value !== value && document.activeElement !== field(name)) field(name).value = value;
  }
  $("filter-reset").disabled = !FIELDS.some((name) => parameters.get(name));
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
