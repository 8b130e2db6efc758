/**
 * Batches: up to 100 requests that become jobs together, or not at all.
 *
 * A batch is named by its `batchId`, or by its contents. So the same call is the same jobs, also after a crash of this
 * process, and may be sent again while a facade does not answer.
 */

import { pattern } from "./fields.js";
import { asked } from "./log.js";
import { withWireNames } from "./names.js";
import { sleep } from "./patience.js";
import { RepeatableCalls } from "./repeatable.js";
import { requestOf } from "./request.js";
import { wire } from "./wire.js";

const PATH = "/api/videos/batch";
const KEYS = ["batch_id", "max_cost_usd", "priority", "requests"];
const LOOK_EVERY_MS = 500;
const LOOK_EVERY_AT_MOST_MS = 5_000;

const batchIdOf = pattern(/^[A-Za-z0-9_-]{1,43}$/, "must have 1 to 43 letters, digits, hyphens and underscores");

/** The calls about batches: the base of the client of one facade. */
export class Batches {
  #calls;

  constructor(caller, awayAtMostMs) {
    this.#calls = new RepeatableCalls(caller, awayAtMostMs);
  }

  /** The price of the whole batch and of each video, and what would refuse it. Nothing is made or written. */
  async planBatch(batch, { signal } = {}) {
    return await this.#calls.once("POST", `${PATH}/plan`, { body: bodyOf(batch), signal });
  }

  /** Orders all of its videos, or none. Gives the batch at once: the jobs go on. */
  async orderBatch(batch, { signal } = {}) {
    return await this.#calls.send("POST", PATH, { body: bodyOf(batch), signal });
  }

  /** The batch: how many jobs are in each state, and each job. */
  async batch(batchId, { signal } = {}) {
    return await this.#calls.once("GET", `${PATH}/${batchIdOf("batch_id", batchId)}`, { signal });
  }

  /** The batch when all of its jobs have ended. `listener` gets it at each look. */
  async waitForBatch(batchId, { signal, listener = () => {} } = {}) {
    const path = `${PATH}/${batchIdOf("batch_id", batchId)}`;
    const patience = this.#calls.patience();
    for (let pauseMs = LOOK_EVERY_MS; ; pauseMs = Math.min(pauseMs * 1.1, LOOK_EVERY_AT_MOST_MS)) {
      const batch = await this.#calls.send("GET", path, { signal, patience });
      listener(batch);
      if (batch.ended) return batch;
      await sleep(pauseMs, signal);
    }
  }
}

/** The batch as it is sent. */
function bodyOf(given) {
  const batch = withWireNames(given, KEYS);
  const requests = Array.isArray(batch?.requests) ? batch.requests.map(requestOf) : batch?.requests;
  asked("batch", { requests: requests?.length, batch_id: batch?.batch_id });
  return wire({ ...batch, requests });
}
