/** The messages on the bus: JSON in the data, CloudEvents and W3C trace context in the attributes. */

import { randomBytes } from "node:crypto";

export const REQUESTS = "video-requests";
const BATCH_REQUESTS = "video-requests-batch";
export const COMPLETIONS = "video-completions";

const COMPLETED = /^reelbus\.video\.(?:succeeded|failed|cancelled|expired|rejected)\.v1$/;
const TRACE = /^00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})$/;

/** The topic of a request's lane. */
export const topicOf = (request) => (request.priority === "batch" ? BATCH_REQUESTS : REQUESTS);

/** The message of a checked request. Workers of release 0.1.0 know neither `priority` nor `evaluate`, so defaults are not sent. */
export const requestMessage = (request, trace) => {
  const priority = request.priority === "batch" ? "batch" : undefined;
  const evaluate = request.evaluate || undefined;
  return message(
    { ...request, priority, evaluate },
    "reelbus.video.requested.v1",
    request.job_id,
    request.job_id,
    trace,
  );
};

/** The message of a cancel. With a `life` it ends that life of the job only. */
export const cancelMessage = (cancel, trace, life) => {
  const { data, attributes } = message(
    cancel,
    "reelbus.video.cancel.v1",
    `${cancel.job_id}.cancel`,
    cancel.job_id,
    trace,
  );
  return { data, attributes: life === undefined ? attributes : { ...attributes, life: String(life) } };
};

/** Whether a message has a type or a version that this program does not know. */
export const isForeign = ({ attributes }) => Boolean(attributes["ce-type"]) && !COMPLETED.test(attributes["ce-type"]);

/** The completion in a message; null if it can't be read. */
export function completionOf({ data }) {
  try {
    const completion = JSON.parse(data.toString());
    return typeof completion?.state === "string" ? completion : null;
  } catch {
    return null;
  }
}

/** A new span for a message, in the trace of the caller or a new one. */
export function traceOf(given) {
  const [, traceId = randomBytes(16).toString("hex"), flags = "00"] = TRACE.exec(given ?? "") ?? [];
  return `00-${traceId}-${randomBytes(8).toString("hex")}-${flags}`;
}

function message(body, type, eventId, jobId, trace) {
  const attributes = {
    job_id: jobId,
    "ce-type": type,
    "ce-source": "reelbus",
    "ce-id": eventId,
    "ce-specversion": "1.0",
    "ce-time": new Date().toISOString(),
    traceparent: trace,
  };
  return { data: Buffer.from(JSON.stringify(body)), attributes };
}
