/** Why there is no video, in the words of the job's record, of the HTTP answer and of the completion message. */

const STATUS_OF = {
  invalid_request: 400,
  budget: 403,
  not_found: 404,
  cancelled: 409,
  conflict: 409,
  expired: 410,
  safety_filter: 422,
  quota: 429,
  capacity: 503,
  timeout: 500,
  upstream: 500,
  storage: 500,
  auth: 500,
  internal: 500,
};
const PREFIXES = {
  400: "Invalid request: ",
  404: "Not found: ",
  500: "Server error during video generation: ",
};

/**
 * Everything that this package throws, but for an abort (there it is the signal's own reason).
 *
 * - `category`, `code`, `field`: what kind of trouble, its stable name, and the field at fault
 * - `retryable`: whether the same request may succeed later
 * - `charged`: `yes`, `no` or `unknown`: whether money was spent
 * - `videoId`: the job, which may go on; null where there is none
 * - `status`: the HTTP status that stands for it; null where nobody answered
 * - `detail`: one sentence as the HTTP API says it, with its prefix
 */
export class ReelbusError extends Error {
  constructor(message, facts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = "ReelbusError";
    this.category = facts.category ?? "internal";
    this.code = facts.code ?? "internal_error";
    this.field = facts.field ?? null;
    this.retryable = facts.retryable ?? false;
    this.charged = facts.charged ?? "no";
    this.videoId = facts.videoId ?? null;
    this.status = facts.status === undefined ? (STATUS_OF[this.category] ?? 500) : facts.status;
    this.detail = facts.detail ?? (PREFIXES[this.status] ?? "") + message;
  }
}

const NO_REASON = { code: "no_reason", message: "The job gave no reason." };

/** A job's own failure, as its record, its view and its completion tell it. */
export function failureOf(failure, videoId, more = {}) {
  const { category, code, message, retryable, charged, field } = failure ?? NO_REASON;
  return new ReelbusError(message, { category, code, retryable, charged, field, videoId, ...more });
}

/** The job is known, and what it made is no more. */
export function erased(videoId) {
  const message = `job ${videoId} was erased; a new video needs a new id`;
  const facts = { category: "not_found", code: "erased", status: 410, detail: `Gone: ${message}` };
  return new ReelbusError(message, { ...facts, videoId });
}

/** Somebody who is needed is not to be reached. `charged` is unknown once something was sent. */
export function unreachable(message, { cause, videoId, sent = true } = {}) {
  return new ReelbusError(message, {
    category: "upstream",
    code: "unreachable",
    retryable: true,
    charged: sent ? "unknown" : "no",
    status: null,
    detail: message,
    videoId,
    cause,
  });
}
