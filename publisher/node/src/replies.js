/**
 * The waiting callers of one process, on one subscription: an answer goes to the callers of its job only.
 *
 * A rejection is about one message, and not about a job. It goes to the caller that sent this message, which the
 * `traceparent` of the answer identifies. An answer that arrives before its caller waits is kept for a while.
 */

const KEPT_AT_MOST = 1_000;

/** The callers of one process. */
export class Replies {
  #waiters = new Map(); // job id → waiters
  #kept = new Map(); // job id → answers, the oldest first
  #keepsStrays;

  /** `keepsStrays`: also keep answers to jobs of other processes; after a restart a caller may wait for them. */
  constructor({ keepsStrays }) {
    this.#keepsStrays = keepsStrays;
  }

  /** Whether an answer to this job would be kept or delivered. */
  expects(jobId) {
    return this.#waiters.has(jobId) || this.#kept.has(jobId);
  }

  /** Keeps answers to this job, and to the message with this trace, from now on. */
  expect(jobId, trace) {
    this.#keep(jobId).traces.add(trace);
  }

  /** `{answer, leave}`: the next completion of this job, or the rejection of this message. `kept`: or an earlier one. */
  wait(jobId, { trace = null, kept = false }) {
    const before = kept ? this.#kept.get(jobId) : undefined;
    if (before?.end) return { answer: Promise.resolve(before.end), leave() {} };
    const waiter = { traces: new Set([...(before?.traces ?? []), trace]) };
    waiter.answer = new Promise((resolve, reject) => Object.assign(waiter, { resolve, reject }));
    if (!this.#waiters.has(jobId)) this.#waiters.set(jobId, new Set());
    this.#waiters.get(jobId).add(waiter);
    return { answer: waiter.answer, leave: () => this.#leave(jobId, waiter) };
  }

  /** Gives a completion and its trace to the callers that wait for it. */
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

  /** Ends all waits with an error: no more answers can arrive. */
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
