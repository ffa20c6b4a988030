// What operators state of parts: the request, and the buttons below an image that was inspected here.

import { $, announce, element, tell, untell } from "./dom.js";
import { Failure, call } from "./server.js";
import { S } from "./strings.js";

/** States what the part of a verdict is (good, defect or revoked). Gives the verdict as it is now. */
export async function state(id, truth, { note = "", file, name = "" } = {}) {
  const query = new URLSearchParams({ truth, ...(note && { note }) });
  const body = file && new Blob([await file.arrayBuffer()], { type: "application/octet-stream" });
  const path = `/v1/history/${id}/feedback?${query}`;
  const response = await call(path, { method: "POST", body, asks: true });
  announce(S.feedbackSent(S.stands[truth], name));
  dispatchEvent(new CustomEvent("stated", { detail: { id } }));
  return response.json();
}

/** What to say where a statement failed. */
export const wordsOf = (failure) =>
  failure.code === "forbidden" ? S.feedbackForbidden : [failure.what, failure.way].join(" ");

/** The buttons of a verdict: [truth, text]. */
export function choices(decision, stated) {
  const passed = decision === "good";
  const buttons = passed
    ? [["defect", S.feedbackMissed], ["good", S.feedbackConfirm]]
    : [["good", S.feedbackGood], ["defect", S.feedbackDefect]];
  const open = buttons.filter(([truth]) => truth !== stated);
  return stated ? [...open, ["revoked", S.feedbackRevoke]] : open;
}

/** Shows the buttons for the image of the view Inspect; none where its verdict is not kept. */
export function showStated(entry) {
  const box = $("stated");
  box.hidden = !entry?.kept;
  if (box.hidden) return;
  const { kept, verdict, stated } = entry;
  const buttons = choices(verdict.decision, stated).map(([truth, text]) => {
    const button = element("button", { type: "button", textContent: text });
    button.dataset.truth = truth;
    button.onclick = () => press(entry, truth, button);
    return button;
  });
  const line = stated ? S.feedbackStated(S.stands[stated]) : S.feedbackOpen;
  const link = element("a", { href: `#history?id=${kept}`, textContent: S.feedbackInHistory });
  const words = element("span", { className: "hint", role: "status", textContent: line });
  box.replaceChildren(...buttons, words, link);
}

async function press(entry, truth, button) {
  button.disabled = true;
  untell();
  try {
    const { name, blob, kept } = entry;
    const told = await state(kept, truth, { file: truth === "revoked" ? undefined : blob, name });
    entry.stated = told.feedback ?? undefined;
    if (entry.kept === kept) showStated(entry);
    $("stated").querySelector("button")?.focus();
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    button.disabled = false;
    if (failure.code === "forbidden") tell({ what: S.feedbackForbidden, way: "", detail: failure.detail });
    else tell(failure);
  }
}
