// The user's token: kept for this tab, sent with each request.

import { $ } from "./dom.js";
import { S } from "./strings.js";

const KEY = "anoseg-token";

let asking; // a promise while the dialog is open

export function authorization() {
  const token = sessionStorage.getItem(KEY);
  return token ? { authorization: `Bearer ${token}` } : {};
}

/** Shows the dialog; true once a token was entered. Several callers share one dialog. */
export function askForToken(why) {
  asking ??= open(why).finally(() => {
    asking = undefined;
  });
  return asking;
}

function open(why) {
  const dialog = $("token-dialog");
  const field = $("token-field");
  $("token-why").textContent = why ?? (sessionStorage.getItem(KEY) ? S.tokenWhyWrong : S.tokenWhyNeeded);
  field.value = "";
  $("token-forget").hidden = !sessionStorage.getItem(KEY);
  return new Promise((resolve) => {
    const close = (entered) => {
      dialog.close();
      field.value = "";
      showToken();
      resolve(entered);
    };
    dialog.querySelector("form").onsubmit = (event) => {
      event.preventDefault();
      const token = field.value.trim();
      // Headers hold no other characters.
      if (!/^[\x21-\x7e]+$/.test(token)) return;
      sessionStorage.setItem(KEY, token);
      close(true);
    };
    $("token-cancel").onclick = dialog.oncancel = () => close(false);
    $("token-forget").onclick = () => {
      sessionStorage.removeItem(KEY);
      close(true);
    };
    dialog.showModal();
    field.focus();
  });
}

export function showToken() {
  $("token").textContent = sessionStorage.getItem(KEY) ? S.tokenKnown : S.token;
}
