/** The reason why a video does not exist, in the fields of the record, the HTTP answer and the completion. */

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
 * Every error that this package throws, except for an abort, which throws the reason of its signal.
 *
 * - `category`, `code`, `field`: the kind of error, its stable name, and the field that is wrong
 * - `retryable`: whether the same request may succeed later
 * - `charged`: `yes`, `no` or `unknown`: whether money was spent
 * - `videoId`: the job, which may go on; null if there is none
 * - `status`: the HTTP status for this error; null if no answer came
 * - `detail`: one sentence as in the HTTP API, with its prefix
 * - `retryAfter`: after how many seconds the server asks for the same call again; null if it names no time
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
    this.retryAfterMs = facts.retryAfterMs ?? null;
    this.retryAfter = this.retryAfterMs === null ? null : Math.ceil(this.retryAfterMs / 1000);
    this.detail = facts.detail ?? (PREFIXES[this.status] ?? "") + message;
  }
}

const NO_REASON = { code: "no_reason", message: "The record of the job has no reason." };

/** The failure of a job, from its record, its view or its completion. */
export function failureOf(failure, videoId, more = {}) {
  const { category, code, message, retryable, charged, field } = failure ?? NO_REASON;
  return new ReelbusError(message, { category, code, retryable, charged, field, videoId, ...more });
}

/** The error of a job that was erased. */
export function erased(videoId) {
  const message = `job ${videoId} was erased; a new video needs a new id`;
  const facts = { category: "not_found", code: "erased", status: 410, detail: `Gone: ${message}` };
  return new ReelbusError(message, { ...facts, videoId });
}

/** The error if a server can't be reached. `charged` is unknown if something was sent. */
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
