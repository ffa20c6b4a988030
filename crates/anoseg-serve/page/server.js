// Requests to the server: failures in words, a server that goes away and comes back.

import { S } from "./strings.js";
import { askForToken, authorization } from "./token.js";

/** Milliseconds between attempts to reach a server that is gone; the last one stays. */
const WAITS = [500, 1000, 2000, 4000];

/** Milliseconds for a request: longer than the server's own limit. */
const LIMIT = 60_000;

/** The state of the connection: ok, gone, token or loading. It tells changes as events `change`. */
class Link extends EventTarget {
  state = "ok";

  set(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}

export const link = new Link();

/** A request that failed: what, the way out, and the server's own words. */
export class Failure extends Error {
  constructor(code, { message = "", status = 0, id = "", retryAfter = 1 } = {}) {
    super(message);
    Object.assign(this, { code, status, retryAfter });
    [this.what, this.way] = S.failures[code] ?? S.failureOther;
    this.detail = S.failureDetail(message, status, id);
  }

  static async of(response) {
    const { status, headers } = response;
    const body = await response.json().catch(() => ({}));
    const retryAfter = Number(headers.get("retry-after")) || 1;
    return new Failure(body.code ?? "other", { message: body.error, status, id: body.request_id, retryAfter });
  }
}

/**
 * The response to a request. With `asks` a missing token is asked for.
 * Throws a Failure; where the server cannot be reached, attempts to reach it begin.
 */
export async function call(path, { method = "GET", body, accept = "application/json", asks = false } = {}) {
  for (;;) {
    let response;
    try {
      response = await fetch(path, {
        method,
        body,
        headers: { accept, ...authorization() },
        cache: "no-store",
        credentials: "omit",
        signal: AbortSignal.timeout(LIMIT),
      });
    } catch (error) {
      if (error.name === "TimeoutError") throw new Failure("timeout");
      watch();
      throw new Failure("gone");
    }
    if (response.ok) {
      link.set("ok");
      return response;
    }
    const failure = await Failure.of(response);
    link.set({ unauthorized: "token", loading: "loading" }[failure.code] ?? "ok");
    if (failure.code === "unauthorized" && asks && (await askForToken())) continue;
    throw failure;
  }
}

export const wait = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

let watching; // a promise while the server is gone

/** Resolves when the server can be reached again. */
export function back() {
  return watching ?? Promise.resolve();
}

function watch() {
  watching ??= reach().finally(() => {
    watching = undefined;
  });
}

async function reach() {
  link.set("gone");
  for (let attempt = 0; ; attempt++) {
    await wait(WAITS[Math.min(attempt, WAITS.length - 1)]);
    try {
      const response = await fetch("/v2/health/live", { cache: "no-store", signal: AbortSignal.timeout(5000) });
      if (response.ok) break;
    } catch {
      // Still gone.
    }
  }
  link.set("ok");
}

let last = Promise.resolve();

/** Runs work that sends images: one at a time. */
export function inTurn(work) {
  const result = last.then(work);
  last = result.catch(() => {});
  return result;
}
