/** Reads the end of a film, wherever it arrived: from Google's client, by a push subscription, or as a webhook. */

import { messageOf, parsed, unreadable } from "./completions.js";
import { failureOf } from "./errors.js";
import { withBothNames } from "./names.js";

const ENDED = /^reelbus\.film\.(?:succeeded|held|failed|cancelled)\.v1$/;

/**
 * What a message says about the end of a revision of a film: `{eventId, type, filmId, revision, state, film, error}`.
 *
 * `film` is all of the message. `error` is null if the film has its file. `message` is what `decodeCompletion` takes.
 * The result is null for a message of another type, such as the end of a video. Throws a ReelbusError with the code
 * `unreadable` for all else. Verify a webhook or a push before you decode it.
 */
export function decodeFilmCompletion(message) {
  const { attributes, data } = messageOf(message);
  const type = attributes["ce-type"] ?? null;
  if (type !== null && !ENDED.test(type)) return null;
  const completion = parsed(data);
  if (typeof completion?.film_id !== "string" || typeof completion.state !== "string") {
    if (type === null && typeof completion?.job_id === "string") return null;
    throw unreadable("it has no film_id, or no state");
  }
  return {
    eventId: attributes["ce-id"] ?? null,
    type,
    filmId: completion.film_id,
    revision: completion.revision ?? null,
    state: completion.state,
    film: withBothNames(completion),
    error: completion.state === "succeeded" ? null : errorOf(completion),
  };
}

function errorOf({ film_id, state, error, cost_usd }) {
  const message = `film ${film_id} is ${state}`;
  const reason = error ?? { category: "cancelled", code: "cancelled", message };
  return failureOf(reason, null, { charged: cost_usd > 0 ? "yes" : (reason.charged ?? "no") });
}
