/** One HTTP call to the facade: an answer of any status, or an error with the reason why there is none. */

import { failureOf, ReelbusError, unreachable } from "./errors.js";
import { withBothNames } from "./names.js";
import { retryAfterMs } from "./patience.js";

const WORDS = {
  ECONNREFUSED: "Connection refused",
  ECONNRESET: "Connection reset",
  ENOTFOUND: "Name not found",
  EAI_AGAIN: "Name not found",
  ETIMEDOUT: "Connection timed out",
  UND_ERR_CONNECT_TIMEOUT: "Connection timed out",
  UND_ERR_HEADERS_TIMEOUT: "No answer in time",
  UND_ERR_SOCKET: "Connection closed",
};
const NEVER_SENT = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"]);
const MARGIN_MS = 15_000;

/** Calls one facade. Throws the reason of a `signal` that aborts, and `unreachable` if no answer comes. */
export class Caller {
  #base;
  #headers;

  constructor(url, apiKey) {
    this.#base = url.replace(/\/+$/, "");
    this.#headers = apiKey ? { authorization: `Bearer ${apiKey}` } : {};
  }

  /** `{status, statusText, body, retryAfterMs}`; `body` is null if it is not JSON. `waitMs`: the longest wait. */
  async call(method, path, { signal, waitMs = 0, ...more }) {
    const limit = AbortSignal.timeout(waitMs + MARGIN_MS);
    const both = signal ? AbortSignal.any([signal, limit]) : limit;
    const response = await this.open(method, path, { ...more, signal: both, caller: signal });
    return await this.answerOf(response, signal, more.videoId);
  }

  /** The response, before its body is read. `caller` is the signal of the caller. */
  async open(method, path, { body, headers, signal, caller, videoId }) {
    const more = body === undefined ? {} : { "content-type": "application/json" };
    const all = { ...this.#headers, ...more, ...headers };
    try {
      return await fetch(this.#base + path, { method, body, signal, headers: all });
    } catch (error) {
      throw lost(error, caller, videoId);
    }
  }

  /** The whole body of a response. */
  async answerOf(response, signal, videoId) {
    try {
      return {
        status: response.status,
        statusText: response.statusText,
        body: parsed(await response.text()),
        retryAfterMs: retryAfterMs(response.headers.get("retry-after")),
      };
    } catch (error) {
      throw lost(error, signal, videoId);
    }
  }

  /** The parts of a body, as they arrive. */
  async *chunks(response, signal, videoId) {
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read().catch((error) => {
        throw lost(error, signal, videoId);
      });
      if (done) return;
      yield value;
    }
  }
}

/** The error of an answer that is no success. */
export function refusalOf({ status, statusText, body, retryAfterMs }, videoId) {
  const words = typeof body?.detail === "string" ? body.detail : statusText || "no reason was given";
  // A server that failed half-way may have made the job, even if it does not say so.
  const mayExist = status >= 500 && body?.error?.charged !== "no";
  const error = body?.error?.category
    ? failureOf(body.error, body.video_id ?? (mayExist ? videoId : null), { status, detail: words, retryAfterMs })
    : new ReelbusError(`the server answered ${status}: ${words}`, {
        category: "upstream",
        code: "unexpected_answer",
        retryable: status >= 500,
        charged: status >= 500 ? "unknown" : "no",
        videoId,
        status,
        detail: words,
        retryAfterMs,
      });
  // With status 402: what the call would pay for.
  return body?.payments ? Object.assign(error, { priceUsd: body.price_usd, payments: body.payments }) : error;
}

function lost(error, signal, videoId) {
  if (signal?.aborted) return signal.reason;
  if (error.name === "TimeoutError") return unreachable("fetch failed (No answer in time)", { cause: error, videoId });
  if (!(error instanceof TypeError)) return error;
  // Node tries every address of a name. The cause is then an AggregateError, whose own text may be empty.
  const code = error.cause?.code ?? error.cause?.errors?.[0]?.code;
  // Without a code nothing was sent: fetch itself refuses some ports.
  const words = WORDS[code] ?? (error.cause?.message || error.message);
  return unreachable(`fetch failed (${words})`, {
    cause: error,
    videoId,
    sent: code !== undefined && !NEVER_SENT.has(code),
  });
}

function parsed(text) {
  try {
    return withBothNames(JSON.parse(text));
  } catch {
    return null;
  }
}
