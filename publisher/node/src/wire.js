/** A request as JSON. Values that JSON would turn into null or leave out are refused: they would make another video. */

import { invalid } from "./invalid.js";

/** The JSON text. Throws a ReelbusError with the key of such a value. */
export const wire = (request) => JSON.stringify(request, refuse);

function refuse(key, value) {
  if (typeof value === "number" && !Number.isFinite(value)) throw invalid(key, "must be a finite number");
  if (typeof value === "function" || typeof value === "symbol" || typeof value === "bigint") {
    throw invalid(key, `must not be a ${typeof value}`);
  }
  return value;
}
