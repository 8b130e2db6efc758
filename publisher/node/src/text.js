/** Texts as the kernel counts them: blanks are a fixed set, lengths are Unicode code points. */

const BLANK = "[\\t\\n\\v\\f\\r \\u00a0]";
const RUNS = new RegExp(`${BLANK}+`, "g");
const ENDS = new RegExp(`^${BLANK}+|${BLANK}+$`, "g");

/**
 * The characters of `\s` in the worker's regular expressions, and control characters, for use in a class.
 * JavaScript's own `\s` has the byte order mark, and not the next-line character.
 */
export const SPACES = "\\x00-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

/** The text without blanks at its ends; those inside stay. */
export const stripped = (text) => text.replace(ENDS, "");

/** The text without blanks at its ends and with single spaces inside. */
export const cleaned = (text) => (text ?? "").replace(RUNS, " ").replace(/^ | $/g, "");

/** The text without any blanks. */
export const blankless = (text) => text.replace(RUNS, "");

/** The number of code points of a text. */
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
