// The verdict in one word, and the image with its regions or its heat map.

import { $, drawn, element, head, score } from "./dom.js";
import { S } from "./strings.js";
import { thresholdsInUse } from "./thresholds.js";

let shown; // the entry
let wantsOverlay = () => {};

/** `onOverlay` is called with an entry whose heat map is to be shown and is not there yet. */
export function prepareStage(onOverlay) {
  wantsOverlay = onOverlay;
  $("regions").tHead.append(head(S.regionHead));
  for (const radio of document.getElementsByName("layer")) radio.onchange = () => shown && drawImage(shown);
  $("frame").append(element("img", { alt: "" }), drawn("svg", { "aria-hidden": "true" }));
  // For the mouse; the choice above does the same for the keyboard.
  $("frame").onclick = () => {
    setLayer(layer() === "heat" ? "regions" : "heat");
    if (shown) drawImage(shown);
  };
  showIdle(S.idleHint);
}

export const shownEntry = () => shown;

export const layer = () => document.querySelector("[name=layer]:checked").value;

function setLayer(name) {
  document.querySelector(`[name=layer][value=${name}]`).checked = true;
}

function banner(kind, word, line) {
  $("banner").className = `banner ${kind}`;
  $("word").textContent = word;
  $("score").textContent = line;
  $("overridden").hidden = $("detail").hidden = true;
}

/** Nothing is inspected. */
export function showIdle(line, word = S.wordIdle) {
  shown = undefined;
  $("stage").hidden = true;
  banner("idle", word, line);
}

/** An image is under way, or waits for the server. */
export function showBusy(entry, word = S.wordBusy) {
  banner("idle", word, entry.name);
}

export function show(entry) {
  const changed = shown !== entry;
  shown = entry;
  if (entry.failure) {
    $("stage").hidden = true;
    banner("failed", S.wordFailed, S.failureLine(entry.name, entry.failure.what, entry.failure.way));
    $("detail").textContent = entry.failure.detail;
    $("detail").hidden = !entry.failure.detail;
    return;
  }
  const { verdict } = entry;
  const { image, review } = entry.thresholds ?? thresholdsInUse();
  banner(verdict.decision, S.words[verdict.decision], S.scoreLine(score(verdict.score), score(image), score(review)));
  $("overridden").hidden = !verdict.thresholds;
  $("name").textContent = S.nameLine(entry.name, Math.round(entry.milliseconds), entry.version);
  $("warnings").replaceChildren(
    ...verdict.warnings.map(({ message }) => element("li", { textContent: message })),
  );
  drawRegions(verdict.regions, changed);
  $("stage").hidden = false;
  drawImage(entry);
}

function drawImage(entry) {
  const { verdict } = entry;
  const [image, marks] = $("frame").children;
  $("frame").style.setProperty("--ratio", verdict.width / verdict.height);
  const asOverlay = layer() === "heat" || entry.unshown;
  if (asOverlay && !entry.overlay) wantsOverlay(entry);
  const url = (asOverlay && entry.overlay) || (entry.unshown ? undefined : entry.url);
  image.hidden = !url;
  // Browsers do not decode every format, and turn some images by their metadata.
  image.onload = () => {
    const fits = image.naturalWidth === verdict.width && image.naturalHeight === verdict.height;
    if (url === entry.url && !fits) unshown(entry);
  };
  image.onerror = () => url === entry.url && unshown(entry);
  if (url && image.src !== url) image.src = url;
  image.alt = S.imageAlt(entry.name, S.words[verdict.decision], verdict.regions.length);
  marks.setAttribute("viewBox", `0 0 ${verdict.width} ${verdict.height}`);
  const boxes = verdict.regions.map(({ box: [x, y, width, height] }) =>
    drawn("rect", { x, y, width, height, "vector-effect": "non-scaling-stroke" }),
  );
  marks.replaceChildren(...(layer() === "regions" && !asOverlay ? boxes : []));
  mark();
}

/** The server's overlay is shown in place of a file that the browser does not show as the server reads it. */
function unshown(entry) {
  entry.unshown = true;
  if (shown === entry) drawImage(entry);
}

let marked; // the index of the region that is emphasised

function drawRegions(regions, anew) {
  $("no-regions").hidden = regions.length > 0;
  $("regions-box").hidden = regions.length === 0;
  if (anew) marked = undefined;
  const rows = regions.map(({ box: [x, y, width, height], area, peak }, index) => {
    const name = element("button", { type: "button", className: "link", textContent: S.regionName(index + 1) });
    name.onclick = () => {
      marked = marked === index ? undefined : index;
      if (layer() !== "regions") setLayer("regions");
      drawImage(shown);
    };
    const row = element("tr", {}, element("td", {}, name));
    for (const text of [`${x}, ${y}`, `${width} x ${height}`, area, score(peak)]) {
      row.append(element("td", { textContent: text }));
    }
    return row;
  });
  $("regions").tBodies[0].replaceChildren(...rows);
}

function mark() {
  [...$("frame").lastChild.children].forEach((box, index) => box.classList.toggle("marked", index === marked));
  [...$("regions").tBodies[0].rows].forEach((row, index) => {
    row.querySelector("button").setAttribute("aria-pressed", index === marked);
  });
}
