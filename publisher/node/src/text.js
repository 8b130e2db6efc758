/** Texts as the kernel counts them: blanks are a fixed set, lengths are Unicode code points. */

const BLANK = "[\\t\\n\\v\\f\\r \\u00a0]";
const RUNS = new RegExp(`${BLANK}+`, "g");
const ENDS = new RegExp(`^${BLANK}+|${BLANK}+$`, "g");

/**
 * What a regular expression of the worker means by `\s`, and control characters, to stand in a class here:
 * JavaScript's own `\s` knows a byte order mark, and no next-line character.
 */
export const SPACES = "\\x00-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

/** The text without blanks at its ends; those inside stay. */
export const stripped = (text) => text.replace(ENDS, "");

/** The text without blanks at its ends and with single spaces inside. */
export const cleaned = (text) => (text ?? "").replace(RUNS, " ").replace(/^ | $/g, "");

/** The text without any blanks. */
export const blankless = (text) => text.replace(RUNS, "");

/** How many code points a text has. */
export function lengthOf(text) {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

/** The first code points of a text. */
export const firstOf = (text, count) =>
  Array.from(text.slice(0, 2 * count))
    .slice(0, count)
    .join("");
