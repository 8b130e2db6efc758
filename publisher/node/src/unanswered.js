/**
 * Gives an id to a call that names none, and keeps it if the call ends without an answer: the same call again, here or in
 * the next process on this machine, is then the same job. After an answer, also an error, it is a new job.
 */

import { createHash, randomUUID } from "node:crypto";

import { ReelbusError } from "./errors.js";
import { invalid } from "./invalid.js";
import { Journal } from "./journal.js";
import { requestOf } from "./request.js";
import { wire } from "./wire.js";

const KEPT_MS = 30 * 60_000; // as long as a facade keeps it
const KEPT_AT_MOST = 1_000;
const PASSING = [502, 503, 504];

const kept = new Map(); // digest of a call → {id, until}, the oldest first
const journal = new Journal();

/** The result of `work` for the request with an id. `work` also gets whether the caller named the id. */
export async function withId(address, given, work) {
  if (given === null || typeof given !== "object") throw invalid("", "must be an object");
  const request = requestOf(given);
  if ((request.job_id ?? null) !== null) return await work(request, true);
  const digest = createHash("sha256")
    .update(address + wire(request))
    .digest("hex");
  const before = taken(digest) ?? journal.take(digest);
  const id = before ?? randomUUID();
  journal.begin(digest, id);
  try {
    const result = await work({ ...request, job_id: id }, false);
    journal.end(digest, id, result.video_id);
    return result;
  } catch (error) {
    if (isAnswer(error)) {
      journal.end(digest, id, error.videoId);
      throw error;
    }
    keep(digest, id);
    journal.leave(id);
    throw before ? about(error, id) : error;
  }
}

/** The error with the id of its job. Many calls may share the reason of an abort, each with its own job. */
export function about(error, videoId) {
  if (!(error instanceof Error) || !videoId || error.videoId === videoId) return error;
  if (error instanceof ReelbusError) return error.videoId ? error : Object.assign(error, { videoId });
  const free = !Object.hasOwn(error, "videoId") && Object.isExtensible(error);
  const own = free ? error : copyOf(error);
  return Object.assign(own, { videoId });
}

function copyOf(error) {
  if (error instanceof DOMException) return new DOMException(error.message, { name: error.name, cause: error });
  return Object.create(error, { message: { value: error.message, enumerable: false } });
}

/** Whether the error is a final answer, about the request or the end of the job. */
function isAnswer(error) {
  return error instanceof ReelbusError && error.status !== null && !PASSING.includes(error.status);
}

function taken(digest) {
  const found = kept.get(digest);
  kept.delete(digest);
  return found && found.until > performance.now() ? found.id : null;
}

function keep(digest, id) {
  kept.delete(digest);
  kept.set(digest, { id, until: performance.now() + KEPT_MS });
  if (kept.size > KEPT_AT_MOST) kept.delete(kept.keys().next().value);
}
