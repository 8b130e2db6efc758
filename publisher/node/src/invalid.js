/** The error of an invalid request: one sentence with the field and the limit, the same as in the facade. */

import { ReelbusError } from "./errors.js";

/** The error of a field. `path` is `prompt`, `scene.timeEnd` or `labels.team`. */
export function invalid(path, words) {
  return new ReelbusError(path ? `${path} ${words}` : words, {
    category: "invalid_request",
    code: "invalid_request",
    field: path || null,
  });
}
