/**
 * Who waits for which job, in one process and on one subscription: an answer goes to its callers only.
 *
 * A rejection speaks of one message, not of a job: it goes to the caller who sent that very message, known by its
 * `traceparent`, which the answer carries back. What comes before anybody waits for it is kept for a while.
 */

const KEPT_AT_MOST = 1_000;

/** The callers of one process. */
export class Replies {
  #waiters = new Map(); // job id → waiters
  #kept = new Map(); // job id → what was heard, the oldest first
  #keepsStrays;

  /** `keepsStrays`: also keep what nobody here has asked for; after a restart somebody may. */
  constructor({ keepsStrays }) {
    this.#keepsStrays = keepsStrays;
  }

  /** Whether an answer to this job would be noticed. */
  expects(jobId) {
    return this.#waiters.has(jobId) || this.#kept.has(jobId);
  }

  /** From here on an answer to this job, or to the message with this trace, is kept. */
  expect(jobId, trace) {
    this.#keep(jobId).traces.add(trace);
  }

  /** `{answer, leave}`: the next completion of this job, or the rejection of one's own message. `kept`: an earlier will do. */
  wait(jobId, { trace = null, kept = false }) {
    const before = kept ? this.#kept.get(jobId) : undefined;
    if (before?.end) return { answer: Promise.resolve(before.end), leave() {} };
    const waiter = { traces: new Set([...(before?.traces ?? []), trace]) };
    waiter.answer = new Promise((resolve, reject) => Object.assign(waiter, { resolve, reject }));
    if (!this.#waiters.has(jobId)) this.#waiters.set(jobId, new Set());
    this.#waiters.get(jobId).add(waiter);
    return { answer: waiter.answer, leave: () => this.#leave(jobId, waiter) };
  }

  /** Hands a completion, and the trace it came with, to those who wait for it. */
  deliver(completion, trace) {
    const { job_id: jobId, state } = completion;
    const concerns = ({ traces }) => state !== "rejected" || traces.has(trace);
    for (const waiter of this.#waiters.get(jobId) ?? []) {
      if (concerns(waiter)) waiter.resolve(completion);
    }
    const isStray = this.#keepsStrays && jobId && state !== "rejected";
    const kept = this.#kept.get(jobId) ?? (isStray ? this.#keep(jobId) : null);
    if (kept && concerns(kept)) kept.end = completion;
  }

  /** Nothing will be heard any more: everybody who waits is told so. */
  fail(errorFor) {
    for (const [jobId, waiters] of this.#waiters) {
      for (const waiter of waiters) waiter.reject(errorFor(jobId));
    }
  }

  #leave(jobId, waiter) {
    const waiters = this.#waiters.get(jobId);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#waiters.delete(jobId);
  }

  #keep(jobId) {
    const kept = this.#kept.get(jobId) ?? { traces: new Set(), end: null };
    this.#kept.delete(jobId);
    this.#kept.set(jobId, kept);
    if (this.#kept.size > KEPT_AT_MOST) this.#kept.delete(this.#kept.keys().next().value);
    return kept;
  }
}
