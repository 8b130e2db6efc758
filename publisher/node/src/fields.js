/**
 * Checks of single fields. Each takes the path of the field and its value, and returns the value as it is sent. A
 * ReelbusError has the same message as the worker's.
 */

import { invalid } from "./invalid.js";
import { lengthOf } from "./text.js";

const NUMBER = /^ *-?[0-9]{1,20}(?:\.[0-9]{1,30})? *$/;
/** Callers compute in floating point: 8.1 + 0.2 - 0.3 is 7.999999999999999. */
const NOISE = 1e-6;
const AMOUNT = /^\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?\s*$/i;
const NO_NUMBER = /^\s*[+-]?(?:nan|inf|infinity)\s*$/i;
const USD_AT_MOST = 1_000_000_000;

/** A text with a number of code points in these limits. */
export function text(atMost, atLeast = 0) {
  return (path, value) => {
    if (typeof value !== "string") throw invalid(path, "must be a text");
    if (!value.isWellFormed()) throw invalid(path, "must be valid Unicode");
    const length = lengthOf(value);
    if (length < atLeast) throw invalid(path, `must have at least ${atLeast} characters, not ${length}`);
    if (length > atMost) throw invalid(path, `must have at most ${atMost} characters, not ${length}`);
    return value;
  };
}

/** A text that matches a pattern; `words` describe it as the facade does. */
export function pattern(form, words) {
  return (path, value) => {
    if (typeof value !== "string") throw invalid(path, "must be a text");
    if (!value.isWellFormed()) throw invalid(path, "must be valid Unicode");
    if (!form.test(value)) throw invalid(path, withLength(words, lengthOf(value)));
    return value;
  };
}

const LENGTHS = /^must have (?:a key of )?(?:([0-9]+) to |at most )([0-9]+) /;

/** The words of a form, with the length of the text if that is what breaks it. */
function withLength(words, length) {
  const [, atLeast = 0, atMost] = LENGTHS.exec(words) ?? [];
  return atMost && (length < atLeast || length > atMost) ? `${words}; its length is ${length}` : words;
}

/** A number for a message, and only the beginning of a very long one. */
function shown(value) {
  const text = String(value);
  return text.length <= 24 ? text : `${text.slice(0, 24)}…`;
}

/** A whole number in these limits: 5, 5.0, "5" and 5.000000000000001 pass; 5.5 and true do not. */
export function whole(atLeast, atMost) {
  return (path, value) => {
    const given = typeof value === "string" && NUMBER.test(value) ? Number(value) : value;
    if (!Number.isFinite(given) || Math.abs(given - Math.round(given)) >= NOISE) {
      throw invalid(path, "must be a whole number");
    }
    const number = Math.round(given) + 0; // -0 is 0
    if (number < atLeast) throw invalid(path, `must be at least ${atLeast}, not ${shown(number)}`);
    if (number > atMost) throw invalid(path, `must be at most ${atMost}, not ${shown(number)}`);
    return number;
  };
}

/** One of these words. */
export function oneOf(...words) {
  const quoted = words.map((word) => `'${word}'`);
  const told = `${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`;
  return (path, value) => {
    if (!words.includes(value)) throw invalid(path, `must be ${told}`);
    return value;
  };
}

/** `true` or `false`; no other value counts as one. */
export function flag(path, value) {
  if (typeof value !== "boolean") throw invalid(path, "must be true or false");
  return value;
}

/** US dollars. */
export function usd(path, value) {
  if (typeof value === "string" && NO_NUMBER.test(value)) throw invalid(path, "must be a finite number");
  const amount = typeof value === "string" && AMOUNT.test(value) ? Number(value) : value;
  if (typeof amount !== "number") throw invalid(path, "must be an amount in US dollars");
  if (typeof value === "number" && !Number.isFinite(value)) throw invalid(path, "must be a finite number");
  if (amount < 0) throw invalid(path, `must be at least 0, not ${shown(value)}`);
  if (amount > USD_AT_MOST) throw invalid(path, `must be at most ${USD_AT_MOST}, not ${shown(value)}`);
  return amount;
}

/** A moment with a time zone, as a text or a Date. */
export function moment(path, value) {
  const given = value instanceof Date && !Number.isNaN(value.getTime()) ? value.toISOString() : value;
  if (typeof given !== "string" || !/^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ].+$/.test(given)) {
    throw invalid(path, "must be a moment with a time zone, for example 2026-01-31T12:00:00Z");
  }
  const parts = MOMENT.exec(given);
  if (!parts || !isOnTheCalendar(parts)) throw invalid(path, "must be a moment, for example 2026-01-31T12:00:00Z");
  if (!parts[8]) throw invalid(path, "must name a time zone, for example 2026-01-31T12:00:00Z");
  const at = new Date(utcOf(parts) - offsetOf(parts[8]));
  if (at.getUTCFullYear() < 1 || at.getUTCFullYear() > 9999) {
    throw invalid(path, "must be between the years 1 and 9999 in UTC");
  }
  return at.toISOString();
}

const MOMENT =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|z|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?$/;

function isOnTheCalendar([, year, month, day, hour, minute, second = "0"]) {
  if (Number(year) < 1 || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return false;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  return date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
}

function utcOf([, year, month, day, hour, minute, second = "0", fraction = ""]) {
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  return date.setUTCHours(Number(hour), Number(minute), Number(second), Number(fraction.padEnd(3, "0").slice(0, 3)));
}

function offsetOf(zone) {
  if (zone.toUpperCase() === "Z") return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
  return (zone[0] === "-" ? -1 : 1) * minutes * 60_000;
}

/** The caller's own names and values, at most 32. */
export function labels(path, value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw invalid(path, "must be an object");
  const entries = Object.entries(value).filter(([, label]) => label !== undefined);
  for (const [key, label] of entries) {
    LABEL_KEY(`${path}.${key}`, key);
    LABEL_VALUE(`${path}.${key}`, label);
  }
  if (entries.length > 32) throw invalid(path, `must have at most 32 entries, not ${entries.length}`);
  return Object.fromEntries(entries);
}

const LABEL_KEY = pattern(
  /^[a-z][a-z0-9_-]{0,62}$/,
  "must have a key of 1 to 63 small letters, digits, hyphens and underscores that begins with a letter",
);
const LABEL_VALUE = pattern(
  /^[a-z0-9_-]{0,63}$/,
  "must have at most 63 small letters, digits, hyphens and underscores",
);
