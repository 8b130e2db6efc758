/** reelbus over Pub/Sub: the request goes to the workers, and the caller alone gets their completion. */

import { Bus } from "./bus.js";
import { failureOf, ReelbusError, unreachable } from "./errors.js";
import { text, whole } from "./fields.js";
import { checkForBus } from "./image.js";
import { invalid } from "./invalid.js";
import { asked, answered } from "./log.js";
import { cancelMessage, requestMessage, REQUESTS, topicOf, traceOf } from "./messages.js";
import { Replies } from "./replies.js";
import { withBothNames } from "./names.js";
import { checkedRequest, jobId, requestOf } from "./request.js";
import { about, withId } from "./unanswered.js";
import { videoOfCompletion } from "./video.js";

const LIFE_AT_MOST = 999_999_999;

const REMIND_MS = 600_000;

/** A client of one project. `close` ends its subscription. */
export class PubSubClient {
  #address;
  #bus;
  #replies;
  #listens;
  #named;
  #http;
  #remindMs;

  constructor({ projectId, subscription = null, listen = true, http = null, remindMs = REMIND_MS }) {
    this.#address = `pubsub://${projectId}`;
    this.#replies = new Replies({ keepsStrays: subscription !== null });
    const heard = (completion, trace) => this.#replies.deliver(completion, trace);
    const lost = (error) => this.#replies.fail((videoId) => lostAnswer(error, videoId));
    this.#bus = new Bus({ projectId, subscription, heard, lost });
    this.#listens = listen;
    this.#named = subscription !== null;
    this.#http = http;
    this.#remindMs = remindMs;
  }

  /** The video, after a wait without limit. An abort ends the wait, and not the job. */
  async generate(request, { signal, traceparent } = {}) {
    return await withId(this.#address, request, async (identified) => {
      const order = checked(identified);
      return videoOfCompletion(await this.#exchange(order, traceOf(traceparent), false, signal));
    });
  }

  /** `{videoId, state}` once the request is on the bus. */
  async submit(request, { signal, traceparent } = {}) {
    return await withId(this.#address, request, async (identified) => {
      const order = checked(identified);
      const trace = traceOf(traceparent);
      if (this.#listens) await this.#listening(signal);
      if (this.#listens) this.#replies.expect(order.job_id, trace);
      await this.#publish(order, trace);
      return withBothNames({ video_id: order.job_id, state: "queued" });
    });
  }

  /**
   * The video of a job that was submitted before. A job of another process may have ended before this client listened:
   * give its `request` again, which costs nothing, or give the client the `httpUrl` of a facade.
   */
  async wait(videoId, { signal, request, traceparent } = {}) {
    jobId("video_id", videoId);
    if (request) {
      const order = checked({ ...requestOf(request), job_id: videoId });
      return videoOfCompletion(await this.#exchange(order, traceOf(traceparent), true, signal));
    }
    if (!this.#replies.expects(videoId)) {
      if (this.#http) return await this.#http.wait(videoId, { signal });
      if (!this.#named) throw unheard(videoId);
    }
    await this.#listening(signal);
    return videoOfCompletion(await heard(this.#replies.wait(videoId, { kept: true }), signal, videoId));
  }

  /**
   * Publishes the cancel. A clip that is accepted by then stays charged. `life` is 1, and one more for each replay: with
   * it a late cancel leaves a job alone that was replayed meanwhile.
   */
  async cancel(videoId, { reason, life, traceparent } = {}) {
    const cancel = { job_id: jobId("video_id", videoId) };
    if (reason) cancel.reason = text(500)("reason", reason);
    asked("cancel", cancel);
    const ends = life === undefined ? undefined : whole(1, LIFE_AT_MOST)("life", life);
    await this.#bus.publish(REQUESTS, cancelMessage(cancel, traceOf(traceparent), ends));
  }

  /** The current view of the job, by HTTP. */
  async status(videoId, options) {
    return await this.#overHttp("status").status(videoId, options);
  }

  /** The job's `state` and `progress` events, by HTTP. */
  async onProgress(videoId, listener, options) {
    return await this.#overHttp("onProgress").onProgress(videoId, listener, options);
  }

  /** Clips, price and time of a request, by HTTP. Nothing is made or written. */
  async plan(request, options) {
    return await this.#overHttp("plan").plan(request, options);
  }

  /** A page of jobs, by HTTP. */
  async list(filters, options) {
    return await this.#overHttp("list").list(filters, options);
  }

  /** The client of the facade, for `spend`, `replay` and all else that Pub/Sub can't answer. */
  get http() {
    return this.#overHttp("http");
  }

  /** Ends the subscription and the connection. All waits fail; the jobs go on. */
  async close() {
    this.#replies.fail((videoId) => lostAnswer(new Error("the client was closed"), videoId));
    await this.#bus.close();
  }

  /** Registers first, then publishes: the answer can't be missed. */
  async #exchange(order, trace, kept, signal) {
    await this.#listening(signal);
    const place = this.#replies.wait(order.job_id, { trace, kept });
    place.answer.catch(() => {}); // the publishing below reports the same error
    const reminder = setInterval(() => this.#remind(order, trace), this.#remindMs);
    try {
      await this.#publish(order, trace);
      return await heard(place, signal, order.job_id);
    } finally {
      clearInterval(reminder);
      place.leave();
    }
  }

  /** A completion may be lost while the connection is. The same message again costs nothing, and is answered. */
  #remind(order, trace) {
    this.#publish(order, trace).catch((error) => answered("remind", { error: error.message }));
  }

  async #publish(order, trace) {
    asked("publish", order);
    await this.#bus.publish(topicOf(order), requestMessage(order, trace));
  }

  async #listening(signal) {
    if (!this.#listens) throw new ReelbusError("this client does not listen; it can only submit and cancel");
    signal?.throwIfAborted();
    await this.#bus.listen();
    signal?.throwIfAborted();
  }

  #overHttp(name) {
    if (this.#http) return this.#http;
    throw new ReelbusError(`${name} works over HTTP: give the client the httpUrl of a facade`, { code: "no_http" });
  }
}

function checked(request) {
  const order = checkedRequest(request);
  checkForBus(order);
  return order;
}

async function heard({ answer, leave }, signal, videoId) {
  const { promise, stop } = aborted(signal);
  try {
    const completion = await Promise.race([answer, promise]);
    if (completion.state === "rejected") throw failureOf(completion.error, completion.job_id);
    return completion;
  } catch (error) {
    throw about(error, videoId);
  } finally {
    stop();
    leave();
  }
}

function aborted(signal) {
  let stop = () => {};
  const promise = new Promise((_, reject) => {
    const abort = () => reject(signal.reason);
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
    stop = () => signal?.removeEventListener("abort", abort);
  });
  return { promise, stop };
}

const lostAnswer = (cause, videoId) => unreachable(`no more answers can arrive: ${cause.message}`, { cause, videoId });

const unheard = (videoId) =>
  invalid(
    "",
    `job ${videoId} may have ended before this client listened: give its request again, or an httpUrl to the client`,
  );
