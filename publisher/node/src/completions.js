/** Reads a completion, wherever it arrived: from Google's client, by a push subscription, or as a webhook. */

import { ReelbusError } from "./errors.js";
import { isForeign } from "./messages.js";
import { withBothNames } from "./names.js";
import { outcomeOfCompletion } from "./video.js";

/**
 * What a message says about the end of a job:
 * `{eventId, type, jobId, videoId, caller, state, video, error, defect, completion}`. `video` or `error` is null.
 *
 * `message` is one of: a message of `@google-cloud/pubsub`; the body of a push delivery; the body of a webhook. A body
 * may be an object, a text or bytes. The result is null for a message of another type, which needs no handling. Throws
 * a ReelbusError with the code `unreadable` for all else. Verify a webhook or a push before you decode it.
 */
export function decodeCompletion(message) {
  const { attributes, data } = messageOf(message);
  if (isForeign({ attributes })) return null;
  const completion = parsed(data);
  if (typeof completion?.state !== "string") throw unreadable("it has no state");
  const videoId = completion.video_id ?? attributes.video_id ?? completion.job_id ?? null;
  const { error = null, ...video } = outcomeOfCompletion(completion, videoId);
  return {
    eventId: attributes["ce-id"] ?? null,
    type: attributes["ce-type"] ?? null,
    jobId: completion.job_id ?? null,
    videoId,
    caller: attributes.caller ?? null,
    state: completion.state,
    video: error ? null : withBothNames({ ...video, success: true }),
    error,
    defect: attributes.defect ?? null,
    completion: withBothNames(completion),
  };
}

/** `{attributes, data}` of a message in any form. */
export function messageOf(given) {
  const read = isMessage(given) ? given : parsed(given);
  const message = isMessage(read?.message) ? read.message : read;
  if (isMessage(message)) return { attributes: message.attributes ?? {}, data: contentOf(message.data) };
  if (read?.specversion) return { attributes: { "ce-id": read.id, "ce-type": read.type }, data: read.data };
  throw unreadable("it is neither a message, nor a push delivery, nor a webhook");
}

/** Google's client has bytes; REST and push deliveries have base64. */
const contentOf = (data) => (typeof data === "string" && !data.startsWith("{") ? Buffer.from(data, "base64") : data);

const isMessage = (given) => isText(given?.data) && !given.specversion;

const isText = (given) => typeof given === "string" || given instanceof Uint8Array;

/** The value of a JSON text, or the value itself. */
export function parsed(given) {
  if (!isText(given)) return given;
  try {
    return JSON.parse(typeof given === "string" ? given : Buffer.from(given).toString());
  } catch (error) {
    throw unreadable("it is not JSON", error);
  }
}

/** The error of a message that is no completion. */
export function unreadable(why, cause) {
  const message = `the completion can't be read: ${why}`;
  return new ReelbusError(message, { code: "unreadable", status: null, detail: message, cause });
}
