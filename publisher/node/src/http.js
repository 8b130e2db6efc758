/**
 * reelbus over HTTP. The client chooses the id of the job before it sends anything, so a lost answer never costs a
 * second job. `Prefer: reattach` says that the caller named no id: then a call that it repeats makes no second job either.
 */

import { Caller, refusalOf } from "./call.js";
import { ReelbusError } from "./errors.js";
import { follow } from "./events.js";
import { asked, answered } from "./log.js";
import { Operations } from "./operations.js";
import { Patience, sleep } from "./patience.js";
import { jobId } from "./request.js";
import { about, withId } from "./unanswered.js";
import { hasEnded, videoOfAnswer, videoOfView } from "./video.js";
import { wire } from "./wire.js";

const GENERATE = "/api/videos/generate";
const AWAY_AT_MOST_MS = 120_000;
const LONGEST_ANSWER_MS = 285_000;
const WAIT_S = 50; // many proxies close a silent connection after a minute
const LOOK_EVERY_MS = 1_000;
const THANKS_MS = 10_000;
const PASSING = [502, 503, 504];
const RESPOND_ASYNC = "respond-async";
const REATTACH = "reattach";

/** A client of one facade. It needs no closing. */
export class HttpClient extends Operations {
  #url;
  #caller;
  #awayAtMostMs;
  #waitS = WAIT_S;

  constructor({ url, apiKey, awayAtMostMs = AWAY_AT_MOST_MS }) {
    const caller = new Caller(url, apiKey);
    super(caller, awayAtMostMs);
    this.#url = url;
    this.#caller = caller;
    this.#awayAtMostMs = awayAtMostMs;
  }

  /** The video, after a wait without limit. An abort ends the wait, and not the job. */
  async generate(request, { signal } = {}) {
    return await withId(this.#url, request, (order, named) =>
      this.#naming({ videoId: null }, async (known) => {
        const headers = named ? {} : { prefer: REATTACH };
        const body = await this.#order(order, headers, known, signal);
        if (body.success) return videoOfAnswer(body);
        const view = await this.#ended(body, signal);
        if (!named && view.state === "succeeded" && view.video_id === order.job_id) {
          // Tell the facade that the call was answered: the next identical call is a new video.
          await this.#sent(wire(order), headers, order.job_id, AbortSignal.timeout(THANKS_MS)).catch(() => {});
        }
        return videoOfView(view);
      }),
    );
  }

  /** The job once it is accepted: `videoId`, `state` and the rest of its view. */
  async submit(request, { signal } = {}) {
    return await withId(this.#url, request, (order, named) =>
      this.#naming({ videoId: null }, async (known) => {
        const prefer = named ? RESPOND_ASYNC : `${RESPOND_ASYNC}, ${REATTACH}`;
        return await this.#order(order, { prefer }, known, signal).catch((error) => {
          if (error.videoId !== order.job_id || signal?.aborted || mayPass(error)) throw error;
          return this.status(order.job_id, { signal }); // it was submitted before, and has failed
        });
      }),
    );
  }

  /** The video of a job that was submitted before, here or elsewhere. */
  async wait(videoId, { signal } = {}) {
    return await this.#naming({ videoId }, async () => videoOfView(await this.#ended({ video_id: videoId }, signal)));
  }

  /** The current view of the job. */
  async status(videoId, { signal } = {}) {
    return await this.#naming({ videoId }, () => this.#job("GET", videoId, signal));
  }

  /** Cancels, and returns the job. One that has ended stays as it is; an accepted clip stays charged. */
  async cancel(videoId, { signal } = {}) {
    return await this.#naming({ videoId }, () => this.#job("DELETE", videoId, signal));
  }

  /** Calls `listener` with each `state` and `progress` event; returns the job when it has ended. */
  async onProgress(videoId, listener, { signal } = {}) {
    jobId("video_id", videoId);
    const patience = new Patience(this.#awayAtMostMs);
    return await this.#naming({ videoId }, () => follow(this.#caller, videoId, listener, patience, signal));
  }

  async close() {}

  /** The result of `work`. Its errors get the id of the job. `known.videoId` is set once a job may exist. */
  async #naming(known, work) {
    try {
      return await work(known);
    } catch (error) {
      throw error instanceof ReelbusError && error.code === "invalid_request" ? error : about(error, known.videoId);
    }
  }

  /** Sends until an answer names the job. If an answer was lost, looks for the job before sending again. */
  async #order(order, headers, known, signal) {
    const body = wire(order);
    const patience = new Patience(this.#awayAtMostMs);
    asked(`POST ${GENERATE}`, order);
    signal?.throwIfAborted();
    for (let first = true; ; first = false) {
      known.videoId = order.job_id;
      const { value, error } = await outcomeOf(this.#sent(body, headers, order.job_id, signal));
      if (value) {
        known.videoId = value.video_id;
        return value;
      }
      if (signal?.aborted) throw error;
      const unsent = first && isUnsent(error);
      if (unsent || (first && !error.videoId)) known.videoId = null; // no job was made of it
      if (unsent) throw Object.assign(error, { videoId: null });
      if (!mayPass(error)) throw error;
      const view = error.videoId && (await this.#found(error.videoId, patience, signal));
      if (view) {
        known.videoId = view.video_id;
        return view;
      }
      await patience.pause(error, signal, error.retryAfterMs);
    }
  }

  async #sent(body, headers, videoId, signal) {
    const more = { body, headers, signal, videoId, waitMs: LONGEST_ANSWER_MS };
    const answer = await this.#caller.call("POST", GENERATE, more);
    answered(`POST ${GENERATE}`, { status: answer.status, video_id: videoId, state: answer.body?.state });
    if (answer.status < 300 && answer.body?.state) return answer.body;
    throw refusalOf(answer, videoId);
  }

  /** The view of the job, as soon as the facade can read it; null if there is no such job. */
  async #found(videoId, patience, signal) {
    for (;;) {
      const { value, error } = await outcomeOf(this.#job("GET", videoId, signal));
      if (value) return value;
      if (error.code === "not_found") return null;
      await this.#bear(error, 0, patience, signal);
    }
  }

  /** The view of the job when it has ended. */
  async #ended(view, signal) {
    const patience = new Patience(this.#awayAtMostMs);
    while (!hasEnded(view.state)) {
      const waitS = this.#waitS;
      const { value, error } = await outcomeOf(this.#job("GET", view.video_id, signal, waitS));
      if (error) await this.#bear(error, waitS, patience, signal);
      else {
        patience.heard();
        view = value;
        if (!waitS && !hasEnded(view.state)) await sleep(LOOK_EVERY_MS, signal);
      }
    }
    return view;
  }

  /** Returns if the call may be tried again; throws an error that is final. */
  async #bear(error, waitS, patience, signal) {
    signal?.throwIfAborted();
    if (error.field === "wait" && waitS)
      this.#waitS = waitS >> 1; // this facade lets no caller wait so long
    else if (mayPass(error) || error.status === 429) await patience.pause(error, signal, error.retryAfterMs);
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

/** `{value}` or `{error}`. The reason of an abort may be any value, and need not be an Error. */
const outcomeOf = (promise) =>
  promise.then(
    (value) => ({ value }),
    (error) => ({ error: error ?? new Error("thrown without a reason") }),
  );

/** Whether the job may exist in spite of this error: no answer came, or a temporary failure. A read decides. */
function mayPass(error) {
  if (error.code === "unreachable") return true;
  return error.status === 429 ? error.videoId === null : PASSING.includes(error.status);
}

const isUnsent = (error) => error.code === "unreachable" && error.charged === "no";
