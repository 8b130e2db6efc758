/** reelbus over HTTP. The job's id is chosen before anything is sent, so that a lost answer never costs a second job. */

import { randomUUID } from "node:crypto";

import { Caller, refusalOf } from "./call.js";
import { follow } from "./events.js";
import { asked, answered } from "./log.js";
import { Patience, sleep } from "./patience.js";
import { jobId } from "./request.js";
import { hasEnded, videoOfAnswer, videoOfView } from "./video.js";
import { wire } from "./wire.js";

const GENERATE = "/api/videos/generate";
const AWAY_AT_MOST_MS = 120_000;
const LONGEST_ANSWER_MS = 285_000;
const WAIT_S = 50; // many proxies cut a silent connection after a minute
const LOOK_EVERY_MS = 1_000;
const PASSING = [502, 503, 504];

/** A client of one facade. There is nothing to close. */
export class HttpClient {
  #caller;
  #awayAtMostMs;
  #waitS = WAIT_S;

  constructor({ url, apiKey, awayAtMostMs = AWAY_AT_MOST_MS }) {
    this.#caller = new Caller(url, apiKey);
    this.#awayAtMostMs = awayAtMostMs;
  }

  /** The video, however long it takes. Aborting ends the wait, not the job. */
  async generate(request, { signal } = {}) {
    const body = await this.#order(identified(request), {}, signal);
    return body.success ? videoOfAnswer(body) : videoOfView(await this.#ended(body, signal));
  }

  /** The job once it is taken in: `video_id`, `state`, and what else is known of it. */
  async submit(request, { signal } = {}) {
    const order = identified(request);
    return await this.#order(order, { prefer: "respond-async" }, signal).catch((error) => {
      if (error.videoId !== order.job_id || mayPass(error)) throw error;
      return this.status(order.job_id, { signal }); // it was submitted before, and failed since
    });
  }

  /** The video of a job that was submitted before, here or elsewhere. */
  async wait(videoId, { signal } = {}) {
    return videoOfView(await this.#ended({ video_id: videoId }, signal));
  }

  /** The job as it stands. */
  async status(videoId, { signal } = {}) {
    return await this.#job("GET", videoId, signal);
  }

  /** The job after the wish. One that has ended stays as it is; what was accepted stays charged. */
  async cancel(videoId, { signal } = {}) {
    return await this.#job("DELETE", videoId, signal);
  }

  /** Calls `listener` with each `state` and `progress` event, and gives the job once it has ended. */
  async onProgress(videoId, listener, { signal } = {}) {
    jobId("video_id", videoId);
    return await follow(this.#caller, videoId, listener, new Patience(this.#awayAtMostMs), signal);
  }

  async close() {}

  /** Sends until an answer speaks of the job. Where one got lost, looks for the job before it sends again. */
  async #order(order, headers, signal) {
    const body = wire(order);
    const patience = new Patience(this.#awayAtMostMs);
    asked(`POST ${GENERATE}`, order);
    for (let first = true; ; first = false) {
      const told = await this.#sent(body, headers, order.job_id, signal).catch((error) => error);
      if (!(told instanceof Error)) return told;
      if (first && isUnsent(told)) throw Object.assign(told, { videoId: null });
      if (!mayPass(told)) throw told;
      const view = told.videoId && (await this.#found(order.job_id, patience, signal));
      if (view) return view;
      await patience.pause(told, signal, told.retryAfterMs);
    }
  }

  async #sent(body, headers, videoId, signal) {
    const more = { body, headers, signal, videoId, waitMs: LONGEST_ANSWER_MS };
    const answer = await this.#caller.call("POST", GENERATE, more);
    answered(`POST ${GENERATE}`, { status: answer.status, video_id: videoId, state: answer.body?.state });
    if (answer.status < 300 && answer.body?.state) return answer.body;
    throw refusalOf(answer, videoId);
  }

  /** The job's view, once anybody can tell; null where there is no such job. */
  async #found(videoId, patience, signal) {
    for (;;) {
      const found = await this.status(videoId, { signal }).catch((error) => error);
      if (!(found instanceof Error)) return found;
      if (found.code === "not_found") return null;
      if (!mayPass(found)) throw found;
      await patience.pause(found, signal, found.retryAfterMs);
    }
  }

  /** The view of the job at its end. */
  async #ended(view, signal) {
    const patience = new Patience(this.#awayAtMostMs);
    while (!hasEnded(view.state)) {
      const waitS = this.#waitS;
      const next = await this.#job("GET", view.video_id, signal, waitS).catch((error) => error);
      if (next instanceof Error) await this.#bear(next, waitS, patience, signal);
      else {
        patience.heard();
        view = next;
        if (!waitS && !hasEnded(view.state)) await sleep(LOOK_EVERY_MS, signal);
      }
    }
    return view;
  }

  /** Goes on where an answer failed to come; throws what will not pass. */
  async #bear(error, waitS, patience, signal) {
    if (error.field === "wait" && waitS)
      this.#waitS = waitS >> 1; // this facade keeps nobody for so long
    else if (mayPass(error)) await patience.pause(error, signal, error.retryAfterMs);
    else throw error;
  }

  async #job(method, videoId, signal, waitS = 0) {
    const path = `/api/videos/${jobId("video_id", videoId)}`;
    const query = waitS ? `?wait=${waitS}` : "";
    const answer = await this.#caller.call(method, path + query, { signal, videoId, waitMs: waitS * 1000 });
    answered(`${method} ${path}${query}`, { status: answer.status, state: answer.body?.state });
    if (answer.status === 200 && answer.body?.state) return answer.body;
    throw refusalOf(answer, videoId);
  }
}

/** The request with the id of its job. */
export const identified = (request) => ({ ...request, job_id: request?.job_id ?? randomUUID() });

/** Whether the answer may not be the last word: none came, or it speaks of a moment's trouble. A look at the job tells. */
function mayPass(error) {
  if (error.code === "unreachable") return true;
  return error.status === 429 ? error.videoId === null : PASSING.includes(error.status);
}

const isUnsent = (error) => error.code === "unreachable" && error.charged === "no";
