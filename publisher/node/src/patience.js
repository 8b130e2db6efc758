/** How often and how long to try again if a server does not answer. */

import { setTimeout as delay } from "node:timers/promises";

const FIRST_MS = 250;
const AT_MOST_MS = 5_000;
const RETRY_AFTER_AT_MOST_MS = 60_000;

/** Waits; throws the reason of a signal that aborts. */
export async function sleep(ms, signal) {
  signal?.throwIfAborted();
  await delay(ms, undefined, { signal }).catch((error) => {
    signal?.throwIfAborted();
    throw error;
  });
}

/** The retries of one call: pauses grow, and end when no answer has helped for too long. */
export class Patience {
  #atMostMs;
  #heardAt = performance.now();
  #next = FIRST_MS;

  constructor(atMostMs) {
    this.#atMostMs = atMostMs;
  }

  /** Notes an answer that helped: the next pause is short again. */
  heard() {
    this.#heardAt = performance.now();
    this.#next = FIRST_MS;
  }

  /** Waits before the next try: as the server asked, or longer each time. Throws `error` at the end. */
  async pause(error, signal, retryAfterMs = null) {
    if (performance.now() - this.#heardAt > this.#atMostMs) throw error;
    const ms = Math.min(retryAfterMs ?? this.#next * (0.5 + Math.random() / 2), RETRY_AFTER_AT_MOST_MS);
    this.#next = Math.min(this.#next * 2, AT_MOST_MS);
    await sleep(ms, signal);
  }
}

/** The milliseconds in a `Retry-After` header, which has seconds or a date; null without one. */
export function retryAfterMs(header, now = Date.now()) {
  if (!header) return null;
  if (/^[0-9]+$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
