/**
 * The field `webhook` of a request: where the end of the job is posted. The facade also refuses addresses that are not
 * public; this check has the rules that need no settings.
 */

import { oneOf } from "./fields.js";
import { invalid } from "./invalid.js";
import { lengthOf } from "./text.js";

const EVENTS = ["succeeded", "failed", "cancelled", "expired"];
const URL_AT_MOST = 2048;
const event = oneOf(...EVENTS);

/** An object with `url`, and perhaps `events`. */
export function webhook(path, value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw invalid(path, "must be an object");
  const unknown = Object.keys(value).find((name) => !["url", "events"].includes(name) && value[name] !== undefined);
  if (value.url === undefined) throw invalid(`${path}.url`, "is required");
  const checked = { url: address(`${path}.url`, value.url), events: EVENTS };
  if (value.events !== undefined) checked.events = events(`${path}.events`, value.events);
  if (unknown !== undefined) throw invalid(`${path}.${unknown}`, "is not a known key");
  return checked;
}

function address(path, value) {
  if (typeof value !== "string") throw invalid(path, "must be a text");
  const length = lengthOf(value);
  if (length > URL_AT_MOST) throw invalid(path, `must have at most ${URL_AT_MOST} characters, not ${length}`);
  if (!/^[\x21-\x7e]+$/.test(value) || /[\\<>"^`{|}]/.test(value)) {
    throw invalid(path, "must be an address of printable ASCII characters, without blanks");
  }
  if (!/^https?:\/\/[^/?#]/i.test(value) || !URL.canParse(value)) {
    throw invalid(path, "must be an https:// address such as https://example.com/hook");
  }
  if (/^[^/]*\/\/[^/?#]*@/.test(value)) throw invalid(path, "must have no user name and no password");
  if (value.includes("#")) throw invalid(path, "must have no fragment");
  return value;
}

function events(path, value) {
  if (!Array.isArray(value)) throw invalid(path, "must be a list");
  const named = value.map((name, index) => event(`${path}.${index}`, name));
  if (named.length < 1) throw invalid(path, "must have at least 1 entry, not 0");
  if (named.length > EVENTS.length) {
    throw invalid(path, `must have at most ${EVENTS.length} entries, not ${named.length}`);
  }
  return EVENTS.filter((name) => named.includes(name));
}
