/** The calls about price, lists and trouble. Each is one HTTP call: nothing here is sent twice by the package. */

import { refusalOf } from "./call.js";
import { Films } from "./film.js";
import { answered, asked } from "./log.js";
import { withWireNames } from "./names.js";
import { jobId, requestOf } from "./request.js";
import { wire } from "./wire.js";

const WAIT_MS = 60_000;
const FILTERS = ["project_id"];

/** The base of the client of one facade. */
export class Operations extends Films {
  #caller;

  constructor(caller, awayAtMostMs) {
    super(caller, awayAtMostMs);
    this.#caller = caller;
  }

  /** Clips, price, time and what would refuse the video. Nothing is made or written. */
  async plan(request, { signal } = {}) {
    const order = requestOf(request);
    asked("plan", order);
    return await this.#sent("POST", "/api/videos/plan", wire(order), signal);
  }

  /** A page of jobs, the newest first: `{videos, nextCursor}`. */
  async list(filters = {}, { signal } = {}) {
    return await this.#sent("GET", `/api/videos${query(withWireNames(filters, FILTERS))}`, undefined, signal);
  }

  /** What was spent, since a day such as `2026-01-31` or since the month began. */
  async spend({ since } = {}, { signal } = {}) {
    return await this.#sent("GET", `/api/spend${query({ since, format: "json" })}`, undefined, signal);
  }

  /** What a replay of the job would pay for. */
  async quoteReplay(videoId, { signal } = {}) {
    return await this.#sent("GET", `${job(videoId)}/replay`, undefined, signal);
  }

  /** Queues a job that ended without a video again. `pay` and `life` are those of the quote. */
  async replay(videoId, { life, pay, signal } = {}) {
    return await this.#sent("POST", `${job(videoId)}/replay`, body({ life, pay }), signal);
  }

  /** The evidence about clips of which it is unknown whether they were charged; for an operator. */
  async evidence(videoId, { signal } = {}) {
    return await this.#sent("GET", `${job(videoId)}/resolve`, undefined, signal);
  }

  /** Decides about such a clip: `{decision, clip, attempt, pay}`; for an operator. */
  async resolve(videoId, { signal, ...decision } = {}) {
    return await this.#sent("POST", `${job(videoId)}/resolve`, body(decision), signal);
  }

  /** Erases prompt, image and video of an ended job. It can't be undone; for an operator. */
  async erase(videoId, { signal } = {}) {
    return await this.#sent("POST", `${job(videoId)}/erase`, body({}), signal);
  }

  /** Messages that are not delivered any more; for an operator, as all that follows. */
  async deadLetters({ limit } = {}, { signal } = {}) {
    return await this.#sent("GET", `/api/dead-letters${query({ limit })}`, undefined, signal);
  }

  /** One of them, with its body, and what its replay would pay for. */
  async deadLetter(letterId, { signal } = {}) {
    return await this.#sent("GET", letter(letterId), undefined, signal);
  }

  /** Publishes it again. `pay` is that of its quote. */
  async replayDeadLetter(letterId, { pay, signal } = {}) {
    return await this.#sent("POST", `${letter(letterId)}/replay`, body({ pay }), signal);
  }

  /** Deletes it. Its job stays unchanged. */
  async dropDeadLetter(letterId, { signal } = {}) {
    return await this.#sent("DELETE", letter(letterId), undefined, signal);
  }

  /** Dead letters, doubtful submits, late clips and overdue jobs. */
  async trouble({ signal } = {}) {
    return await this.#sent("GET", "/api/trouble", undefined, signal);
  }

  /** Jobs by state, what waits, and the workers. */
  async workers({ signal } = {}) {
    return await this.#sent("GET", "/api/health/workers", undefined, signal);
  }

  async #sent(method, path, body, signal) {
    const answer = await this.#caller.call(method, path, { body, signal, videoId: null, waitMs: WAIT_MS });
    answered(`${method} ${path.split("?")[0]}`, { status: answer.status });
    if (answer.status === 200 && answer.body) return answer.body;
    throw refusalOf(answer, null);
  }
}

const job = (videoId) => `/api/videos/${jobId("video_id", videoId)}`;

const letter = (letterId) => `/api/dead-letters/${encodeURIComponent(letterId)}`;

const body = (fields) => JSON.stringify(fields);

function query(filters) {
  const given = Object.entries(filters).filter(([, value]) => value !== undefined && value !== null);
  return given.length ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : "";
}
