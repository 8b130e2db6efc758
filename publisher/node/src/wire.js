/** A request as JSON. What JSON would silently turn into null, or leave out, is refused: it would be another video. */

import { invalid } from "./invalid.js";

/** The JSON text. Throws a ReelbusError that names the key. */
export const wire = (request) => JSON.stringify(request, refuse);

function refuse(key, value) {
  if (typeof value === "number" && !Number.isFinite(value)) throw invalid(key, "must be a finite number");
  if (typeof value === "function" || typeof value === "symbol" || typeof value === "bigint") {
    throw invalid(key, `must not be a ${typeof value}`);
  }
  return value;
}
