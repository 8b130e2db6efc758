/** Calls that may be repeated: each names what it makes, so that a second one makes nothing more. */

import { refusalOf } from "./call.js";
import { answered } from "./log.js";
import { Patience } from "./patience.js";

const WAIT_MS = 60_000;
const AWAY_AT_MOST_MS = 120_000;
const PASSING = [502, 503, 504];

/** Whether the facade can't answer now. The call may have reached it, and a repeated one finds what it made. */
export const isAway = (error) => error.code === "unreachable" || PASSING.includes(error.status);

/** The calls of one client to one facade. */
export class RepeatableCalls {
  #caller;
  #awayAtMostMs;

  constructor(caller, awayAtMostMs = AWAY_AT_MOST_MS) {
    this.#caller = caller;
    this.#awayAtMostMs = awayAtMostMs;
  }

  /** The retries of one task: for how long the facade may be away. */
  patience() {
    return new Patience(this.#awayAtMostMs);
  }

  /** Sends again while `passes` says that an error may pass. Throws any other error, and the reason of an abort. */
  async send(method, path, { body, signal, patience = this.patience(), passes = isAway }) {
    for (;;) {
      try {
        const answer = await this.once(method, path, { body, signal });
        patience.heard();
        return answer;
      } catch (error) {
        signal?.throwIfAborted();
        if (!passes(error)) throw error;
        await patience.pause(error, signal, error.retryAfterMs);
      }
    }
  }

  /** Sends once. Throws a ReelbusError for an answer that is no success. */
  async once(method, path, { body, signal } = {}) {
    const answer = await this.#caller.call(method, path, { body, signal, waitMs: WAIT_MS });
    answered(`${method} ${path}`, { status: answer.status });
    if (answer.status >= 200 && answer.status < 300 && answer.body) return answer.body;
    throw refusalOf(answer, null);
  }
}
