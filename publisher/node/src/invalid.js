/** The complaint about a request: one sentence that names the field and the limit, in the same words as everywhere. */

import { ReelbusError } from "./errors.js";

/** What is thrown for a field. `path` is `prompt`, `scene.timeEnd` or `labels.team`. */
export function invalid(path, words) {
  return new ReelbusError(path ? `${path} ${words}` : words, {
    category: "invalid_request",
    code: "invalid_request",
    field: path || null,
  });
}
