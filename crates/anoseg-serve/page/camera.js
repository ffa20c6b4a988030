// Continuous inspection of a camera: the next frame is taken when the verdict on the one before is there.

import { $, element, tell, untell } from "./dom.js";
import { entryOf, inspect } from "./inspect.js";
import { Failure, back, inTurn, wait } from "./server.js";
import { S } from "./strings.js";

/** Milliseconds from one frame to the next, at least. */
const LEAST = 100;

/** Share of JPEG: high, so that its blocks are not taken for defects. */
const QUALITY = 0.95;

let stream; // while the camera runs
let frames = 0;

export function prepareCamera() {
  $("camera").onclick = () => (stream ? stopCamera() : startCamera());
  $("cameras").onchange = () => startCamera($("cameras").value);
  addEventListener("chosen", stopCamera);
}

async function startCamera(deviceId) {
  untell();
  stopCamera();
  if (!navigator.mediaDevices) {
    return tell({ what: S.cameraBlocked, way: S.cameraWayAddress, detail: "" });
  }
  const which = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "environment" };
  const video = { width: { ideal: 1280 }, height: { ideal: 720 }, ...which };
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video });
  } catch (error) {
    return tell({ what: S.cameraFailed(error.message), way: S.cameraWay, detail: "" });
  }
  $("camera").textContent = S.cameraStop;
  $("video").srcObject = stream;
  stream.getVideoTracks()[0].onended = stopCamera;
  await $("video").play();
  await listCameras();
  await follow(stream);
}

async function listCameras() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  const cameras = devices.filter(({ kind }) => kind === "videoinput");
  const options = cameras.map(({ deviceId, label }, index) =>
    element("option", { value: deviceId, textContent: label || S.cameraName(index + 1) }),
  );
  $("cameras").replaceChildren(...options);
  $("cameras").value = stream?.getVideoTracks()[0].getSettings().deviceId ?? "";
  $("camera-choice").hidden = cameras.length < 2;
}

async function follow(followed) {
  let spacing; // milliseconds, smoothed
  let begun = performance.now();
  while (stream === followed) {
    try {
      const blob = await frame();
      if (blob && stream === followed) await inTurn(() => inspect(entryOf(blob, S.cameraImage(++frames), true)));
    } catch (failure) {
      if (!(failure instanceof Failure)) throw failure;
      tell(failure);
      // A server that is gone is waited for; any other failure would come again.
      if (failure.code !== "gone") return stopCamera();
      await back();
      untell();
    }
    await wait(Math.max(0, LEAST - (performance.now() - begun)));
    const now = performance.now();
    spacing = spacing ? 0.8 * spacing + 0.2 * (now - begun) : now - begun;
    begun = now;
    $("rate").textContent = S.cameraRate((1000 / spacing).toFixed(1));
    $("rate").hidden = stream !== followed;
    $("hint").hidden = stream === followed;
  }
}

/** The current frame as JPEG; null where the camera has none yet. */
async function frame() {
  const { videoWidth: width, videoHeight: height } = $("video");
  if (!width || !height) return null;
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").drawImage($("video"), 0, 0);
  return canvas.convertToBlob({ type: "image/jpeg", quality: QUALITY });
}

export function stopCamera() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = undefined;
  $("video").srcObject = null;
  $("camera").textContent = S.cameraStart;
  $("rate").hidden = true;
  $("hint").hidden = false;
}
