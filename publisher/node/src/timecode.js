/**
 * Reads the times of scenes: `8s`, `0:08`, `00:00:08.4`, `8`, ` 8 sec `, and the end of a range `0:05-0:13`.
 *
 * The worker implements the same grammar in Python; the vectors compare both. Times are rounded to whole
 * microseconds: 8.1 + 0.2 is 8.299999999999999. A time that is written with more digits is rewritten before it is sent.
 */

import { blankless, firstOf } from "./text.js";

export const MICROS_PER_SECOND = 1_000_000;

const NUMBER = String.raw`([0-9]{1,5})(?:\.([0-9]{1,30}))?(?:e-([0-9]{1,3}))?`;
const SECONDS = `${NUMBER}(?:s|sec|secs|second|seconds)?`;
const CLOCK = `(?:([0-9]{1,2}):)?([0-9]{1,3}):${NUMBER}s?`;
const TIME = `(?:${SECONDS}|${CLOCK})`;
const ONE = new RegExp(`^${TIME}$`);
const RANGE = new RegExp(`^${TIME}(?:-|\u2013|\u2014|to)${TIME}$`, "u");
const FINE = /\.[0-9]{7}|e-/;
const LONGEST = 100;
const UPPER_LIMIT = 100_000;

/** The time in whole microseconds. Throws a RangeError if it is no time. */
export function microsOf(time) {
  const match = ONE.exec(plain(time));
  // A number that is negative by less than half a microsecond is noise: 0.3 - (0.1 + 0.2).
  if (typeof time === "number" && time <= 0 && time > -0.5 / MICROS_PER_SECOND) return 0;
  const found = match && read(match.slice(1));
  if (found === null || (typeof time === "number" && found >= UPPER_LIMIT * MICROS_PER_SECOND)) {
    throw new RangeError(complaint(time));
  }
  return found;
}

/** `[start, end]` of a range such as `0:05-0:13` in microseconds, or null if the text is no range. */
export function spanOf(time) {
  const match = typeof time === "string" ? RANGE.exec(plain(time)) : null;
  return match && [read(match.slice(1, 9)), read(match.slice(9))];
}

/** The time as it is sent: unchanged, or rewritten if it has digits below a microsecond. Throws a RangeError. */
export function normalized(time) {
  const both = spanOf(time) ?? [microsOf(time)];
  return FINE.test(plain(time)) ? both.map(decimal).join("-") : time;
}

function plain(time) {
  const text = written(time);
  return Array.from(text).length <= LONGEST ? blankless(text).toLowerCase() : "";
}

function read([whole, fraction, exponent, hours, minutes, ...seconds]) {
  if (whole !== undefined) return micros(whole, fraction, exponent);
  return (Number(hours ?? 0) * 60 + Number(minutes)) * 60 * MICROS_PER_SECOND + micros(...seconds);
}

/** Rounded half up at the seventh digit. */
function micros(whole, fraction = "", exponent = "0") {
  const digits = "0".repeat(Number(exponent)) + whole + fraction;
  const behind = digits.slice(whole.length).padEnd(7, "0");
  return (
    Number(digits.slice(0, whole.length)) * MICROS_PER_SECOND + Number(behind.slice(0, 6)) + (behind[6] >= "5" ? 1 : 0)
  );
}

function decimal(micros) {
  const fraction = String(micros % MICROS_PER_SECOND).padStart(6, "0");
  return `${Math.floor(micros / MICROS_PER_SECOND)}.${fraction}`.replace(/\.?0+$/, "");
}

/** A number as Python writes it: small fractions have an exponent. */
function written(time) {
  if (typeof time !== "number" || time === 0 || Math.abs(time) >= 1e-4) return String(time);
  return time.toExponential().replace(/e-(\d)$/, "e-0$1");
}

const complaint = (time) => `must be a time such as 8s, 0:08 or 8, not ${JSON.stringify(firstOf(written(time), 40))}`;
