/** Whether a text has a visible character: a prompt without one would be paid for like any other. */

const VISIBLE = /[\p{L}\p{N}\p{P}\p{S}\p{Cn}]/gu;
/** Unicode's default ignorable code points, the noncharacters, and symbols that are drawn as blanks. */
const INVISIBLE =
  /[\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u2800\ufff0-\ufff8\ufffc\u{1d159}\u{e0000}-\u{e0fff}]/u;

/** True if at least one character is visible by itself: a letter, a digit, a sign or a symbol. */
export function hasVisibleText(text) {
  for (const [char] of text.matchAll(VISIBLE)) {
    if (!INVISIBLE.test(char)) return true;
  }
  return false;
}
