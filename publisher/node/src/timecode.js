/**
 * Reads the times that scenes carry: `8s`, `0:08`, `00:00:08.4`, `8`, ` 8 sec `, and the end of a range `0:05-0:13`.
 *
 * The worker implements the same grammar in Python; the same vectors hold both to it. Times are whole microseconds, so
 * that differences are exact.
 */

import { blankless, firstOf } from "./text.js";

export const MICROS_PER_SECOND = 1_000_000;

const NUMBER = String.raw`([0-9]{1,5})(?:\.([0-9]{1,6}))?`;
const SECONDS = new RegExp(`^${NUMBER}(?:s|sec|secs|second|seconds)?$`);
const CLOCK = new RegExp(`^(?:([0-9]{1,2}):)?([0-9]{1,3}):${NUMBER}s?$`);
const RANGE = /^([^\n]+?)(?:-|\u2013|\u2014|to)([^\n]+)$/u;

/** Microseconds, exactly as written. Throws a RangeError for anything that is not a time. */
export function microsOf(time) {
  const found = read(plain(time));
  if (found === null) throw new RangeError(complaint(time));
  return found;
}

/** `[start, end]` of a range such as `0:05-0:13` in microseconds, or null where the text is no range. */
export function spanOf(time) {
  const match = RANGE.exec(plain(time));
  if (!match) return null;
  const [start, end] = [read(match[1]), read(match[2])];
  if (start === null || end === null) throw new RangeError(complaint(time));
  return [start, end];
}

const plain = (time) => blankless(written(time)).toLowerCase();

function read(text) {
  let match = SECONDS.exec(text);
  if (match) return micros(match[1], match[2]);
  match = CLOCK.exec(text);
  if (!match) return null;
  const minutes = Number(match[1] ?? 0) * 60 + Number(match[2]);
  return minutes * 60 * MICROS_PER_SECOND + micros(match[3], match[4]);
}

const micros = (whole, fraction = "") => Number(whole) * MICROS_PER_SECOND + Number(fraction.padEnd(6, "0"));

/** A number as the worker's language writes it: small fractions get an exponent there, and are no times. */
function written(time) {
  if (typeof time !== "number" || time === 0 || Math.abs(time) >= 1e-4) return String(time);
  return time.toExponential().replace(/e-(\d)$/, "e-0$1");
}

const complaint = (time) => `must be a time such as 8s, 0:08 or 8, not ${JSON.stringify(firstOf(written(time), 40))}`;
