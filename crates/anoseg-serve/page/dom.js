// Elements and numbers.

import { S } from "./strings.js";

export const $ = (id) => document.getElementById(id);

const SVG = "http://www.w3.org/2000/svg";

/** An element with properties and children; texts stay texts. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** An SVG element with attributes. */
export function drawn(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Gives the page its texts. */
export function fillTexts() {
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = S[node.dataset.text];
  for (const node of document.querySelectorAll("[data-label]")) {
    node.setAttribute("aria-label", S[node.dataset.label]);
  }
}

/** The head of a table. */
export function head(titles) {
  return element("tr", {}, ...titles.map((title) => element("th", { scope: "col", textContent: title })));
}

/** A score. Those near 0 and 1 differ in late digits. */
export function score(value) {
  if (value > 0.99 && value < 1) return value.toFixed(5);
  return value > 0 && value < 0.01 ? value.toPrecision(2) : value.toFixed(3);
}

export function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

/** A time in milliseconds since 1970, on this machine's clock. */
export function moment(time) {
  return new Date(time).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
}

/** Seconds in words of a fitting unit. */
export function duration(seconds) {
  if (seconds >= 1) return `${Number(seconds.toPrecision(2))} s`;
  return `${Number((1000 * seconds).toPrecision(2))} ms`;
}

/** Text for screen readers, without a change in what is shown. */
export function announce(text) {
  $("announce").textContent = text;
}

/** Asks before something is done. */
export function confirmed(title, text, yes) {
  const dialog = $("confirm");
  $("confirm-title").textContent = title;
  $("confirm-text").textContent = text;
  $("confirm-yes").textContent = yes;
  return new Promise((resolve) => {
    // Not at the event `close`: it comes later, when the next question may be open.
    const close = (answer) => () => {
      dialog.close();
      resolve(answer);
    };
    $("confirm-yes").onclick = close(true);
    $("confirm-no").onclick = close(false);
    dialog.oncancel = close(false);
    dialog.showModal();
    $("confirm-no").focus();
  });
}

/** Shows what failed, and the way out. */
export function tell(failure) {
  $("alert-what").textContent = failure.what;
  $("alert-way").textContent = failure.way;
  $("alert-detail").textContent = failure.detail;
  $("alert").hidden = false;
}

export function untell() {
  $("alert").hidden = true;
}
