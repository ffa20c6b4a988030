// Thumbnails of the history. They need the token, so that an element's address alone does not load them.

import { call } from "./server.js";

/** Requests at a time. */
const MOST = 4;

let running = 0;
const waiting = [];

/** Gives an image element its thumbnail; the element is left empty where there is none. */
export function loadThumbnail(image, id) {
  waiting.push({ image, id });
  next();
}

function next() {
  while (running < MOST && waiting.length) {
    const { image, id } = waiting.shift();
    running++;
    fetchInto(image, id).finally(() => {
      running--;
      next();
    });
  }
}

async function fetchInto(image, id) {
  try {
    const response = await call(`/v1/history/${id}/thumbnail`, { accept: "image/jpeg" });
    showBlob(image, await response.blob());
  } catch {
    image.classList.add("missing");
  }
}

/** Shows a blob; its address is given back once it is decoded. */
export function showBlob(image, blob) {
  const url = URL.createObjectURL(blob);
  image.onload = image.onerror = () => URL.revokeObjectURL(url);
  image.src = url;
}
