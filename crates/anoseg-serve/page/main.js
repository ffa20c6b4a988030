// Puts the parts together: views, connection, polling, inputs.

import { prepareCamera, stopCamera } from "./camera.js";
import { $, fillTexts, tell, untell } from "./dom.js";
import { refreshDrift } from "./drift.js";
import { refreshFigures } from "./figures.js";
import { prepareHistory, refreshHistory, showHistory } from "./history.js";
import { addFiles, inspectAgain, prepareSession, sessionScores, wantOverlay } from "./inspect.js";
import { chosenModel, isChosenLoaded, modelPath, prepareModels, refreshModels } from "./models.js";
import { viewOf } from "./route.js";
import { Failure, call, link } from "./server.js";
import { prepareStage, showIdle, shownEntry } from "./stage.js";
import { S } from "./strings.js";
import { calibrationDigest, prepareThresholds, setCalibration } from "./thresholds.js";
import { askForToken, showToken } from "./token.js";
import { prepareVerdict } from "./verdict.js";

/** Milliseconds between two readings of models and figures. */
const EVERY = 5000;

const VIEWS = ["inspect", "history", "drift", "models", "figures"];

/** What is read for a view, beside models and figures. */
const READS = { history: refreshHistory, drift: refreshDrift };

const view = () => VIEWS.find((each) => each === viewOf()) ?? VIEWS[0];

function showView() {
  const wanted = view();
  for (const each of VIEWS) {
    $(each).hidden = each !== wanted;
    if (each === wanted) $(`go-${each}`).setAttribute("aria-current", "page");
    else $(`go-${each}`).removeAttribute("aria-current");
  }
  if (wanted !== "inspect") stopCamera();
  if (wanted === "history") showHistory();
  else if (wanted !== "inspect") refresh();
}

function showLink() {
  const texts = { ok: S.linkOk, gone: S.linkGone, token: S.linkToken, loading: S.linkLoading };
  $("link").textContent = texts[link.state];
  $("link").className = `pill ${link.state === "ok" ? "ok" : "off"}`;
}

/** Reads models and figures; failures that the connection tells need no further word. */
async function refresh(asks = false) {
  if (link.state === "gone" || (link.state === "token" && !asks)) return;
  try {
    await refreshModels(asks);
    await refreshFigures();
    await READS[view()]?.();
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    if (!["gone", "unauthorized", "loading"].includes(failure.code)) tell(failure);
  }
}

/** Reads the thresholds of the model that is chosen. */
async function readCalibration() {
  if (!isChosenLoaded()) {
    const [what, way] = chosenModel() ? S.failures.unknown_model : [S.noModel, S.noModelWay];
    showIdle(way, what);
    return setCalibration(undefined);
  }
  try {
    setCalibration(await (await call(modelPath("calibration"))).json());
    if (!shownEntry()) showIdle(S.idleHint);
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure;
    setCalibration(undefined);
  }
}

/** Another model, or other versions: the thresholds, and the image that is shown. */
async function modelChanged() {
  const before = calibrationDigest();
  await readCalibration();
  if (before && calibrationDigest() && before !== calibrationDigest()) inspectAgain();
}

function prepareInputs() {
  $("files").onchange = () => {
    const files = [...$("files").files];
    $("files").value = ""; // the same file may be chosen again
    take(files);
  };
  addEventListener("paste", ({ clipboardData }) => clipboardData.files.length && take(clipboardData.files));
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  addEventListener("dragleave", ({ relatedTarget }) => {
    if (!relatedTarget) document.body.classList.remove("dropping");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    if (event.dataTransfer.files.length) take(event.dataTransfer.files);
  });
}

function take(files) {
  stopCamera();
  location.hash = "#inspect";
  addFiles(files);
}

function prepareToken() {
  showToken();
  $("token").onclick = async () => {
    if (await askForToken(S.tokenWhyChoose)) refresh(true);
  };
}

async function poll() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, EVERY));
    if (!document.hidden) await refresh();
  }
}

fillTexts();
prepareStage(wantOverlay);
prepareThresholds(sessionScores, inspectAgain);
prepareSession(readCalibration);
prepareModels(modelChanged);
prepareHistory();
prepareVerdict();
prepareCamera();
prepareInputs();
prepareToken();
$("alert-close").onclick = untell;
link.addEventListener("change", () => {
  showLink();
  if (link.state === "ok") refresh();
});
addEventListener("hashchange", showView);
showLink();
showView();
await refresh(true);
document.body.dataset.ready = "yes";
await poll();
