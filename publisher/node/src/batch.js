/**
 * Batches: up to 100 requests that become jobs together, or not at all.
 *
 * A batch is named by its `batchId`, or by its contents. So the same call is the same jobs, also after a crash of this
 * process, and may be sent again while a facade does not answer.
 */

import { refusalOf } from "./call.js";
import { pattern } from "./fields.js";
import { asked, answered } from "./log.js";
import { withWireNames } from "./names.js";
import { Patience, sleep } from "./patience.js";
import { requestOf } from "./request.js";
import { wire } from "./wire.js";

const PATH = "/api/videos/batch";
const KEYS = ["batch_id", "max_cost_usd", "priority", "requests"];
const WAIT_MS = 60_000;
const AWAY_AT_MOST_MS = 120_000;
const LOOK_EVERY_MS = 500;
const LOOK_EVERY_AT_MOST_MS = 5_000;
const PASSING = [502, 503, 504];

const batchIdOf = pattern(/^[A-Za-z0-9_-]{1,43}$/, "must have 1 to 43 letters, digits, hyphens and underscores");

/** The calls about batches: the base of the client of one facade. */
export class Batches {
  #caller;
  #awayAtMostMs;

  constructor(caller, awayAtMostMs = AWAY_AT_MOST_MS) {
    this.#caller = caller;
    this.#awayAtMostMs = awayAtMostMs;
  }

  /** The price of the whole batch and of each video, and what would refuse it. Nothing is made or written. */
  async planBatch(batch, { signal } = {}) {
    return await this.#call("POST", `${PATH}/plan`, bodyOf(batch), signal);
  }

  /** Orders all of its videos, or none. Gives the batch at once: the jobs go on. */
  async orderBatch(batch, { signal } = {}) {
    return await this.#patiently(new Patience(this.#awayAtMostMs), "POST", PATH, bodyOf(batch), signal);
  }

  /** The batch: how many jobs are in each state, and each job. */
  async batch(batchId, { signal } = {}) {
    return await this.#call("GET", `${PATH}/${batchIdOf("batch_id", batchId)}`, undefined, signal);
  }

  /** The batch when all of its jobs have ended. `listener` gets it at each look. */
  async waitForBatch(batchId, { signal, listener = () => {} } = {}) {
    const path = `${PATH}/${batchIdOf("batch_id", batchId)}`;
    const patience = new Patience(this.#awayAtMostMs);
    for (let pauseMs = LOOK_EVERY_MS; ; pauseMs = Math.min(pauseMs * 1.1, LOOK_EVERY_AT_MOST_MS)) {
      const batch = await this.#patiently(patience, "GET", path, undefined, signal);
      listener(batch);
      if (batch.ended) return batch;
      await sleep(pauseMs, signal);
    }
  }

  /** Sends again while no answer comes, or one that says that the facade can't answer now. */
  async #patiently(patience, method, path, body, signal) {
    for (;;) {
      try {
        const answer = await this.#call(method, path, body, signal);
        patience.heard();
        return answer;
      } catch (error) {
        signal?.throwIfAborted();
        if (error.code !== "unreachable" && !PASSING.includes(error.status)) throw error;
        await patience.pause(error, signal, error.retryAfterMs);
      }
    }
  }

  async #call(method, path, body, signal) {
    const answer = await this.#caller.call(method, path, { body, signal, waitMs: WAIT_MS });
    answered(`${method} ${path}`, { status: answer.status });
    if (answer.status >= 200 && answer.status < 300 && answer.body) return answer.body;
    throw refusalOf(answer, null);
  }
}

/** The batch as it is sent. */
function bodyOf(given) {
  const batch = withWireNames(given, KEYS);
  const requests = Array.isArray(batch?.requests) ? batch.requests.map(requestOf) : batch?.requests;
  asked("batch", { requests: requests?.length, batch_id: batch?.batch_id });
  return wire({ ...batch, requests });
}
