/**
 * Names in camelCase. Answers have each key under both names, `video_id` and `videoId`; requests may have either. What
 * is sent has the names of the HTTP API.
 */

import { invalid } from "./invalid.js";

const SNAKE = /^[a-z0-9]+(?:_[a-z0-9]+)+$/;
/** Their keys are the caller's own words, or not ours. */
const OPAQUE = new Set(["labels", "attributes", "body", "scene"]);

/** `videoId` for `video_id`. */
export const camelOf = (name) => name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase());

/** `video_id` for `videoId`. */
const snakeOf = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The value with both names of each key, at every level. */
export function withBothNames(value) {
  if (Array.isArray(value)) return value.map(withBothNames);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).flatMap(([name, part]) => {
    const named = OPAQUE.has(name) ? part : withBothNames(part);
    return SNAKE.test(name)
      ? [
          [name, named],
          [camelOf(name), named],
        ]
      : [[name, named]];
  });
  return Object.fromEntries(entries);
}

/** The value without the names that `withBothNames` added, as the old service returned it. */
export function withOldNames(value) {
  if (Array.isArray(value)) return value.map(withOldNames);
  if (value === null || typeof value !== "object") return value;
  const added = new Set(
    Object.keys(value)
      .filter((name) => SNAKE.test(name))
      .map(camelOf),
  );
  const kept = Object.entries(value).filter(([name]) => !added.has(name));
  return Object.fromEntries(kept.map(([name, part]) => [name, OPAQUE.has(name) ? part : withOldNames(part)]));
}

/** What a caller gave, with the names of the API. `names` are those; every other key stays as it is. */
export function withWireNames(given, names) {
  if (given === null || typeof given !== "object" || Array.isArray(given)) return given;
  const wireNames = new Map(names.filter((name) => SNAKE.test(name)).map((name) => [camelOf(name), name]));
  const renamed = {};
  for (const [name, value] of Object.entries(given)) {
    const wireName = wireNames.get(name) ?? name;
    if (wireName !== name && (given[wireName] ?? null) !== null && (value ?? null) !== null) {
      throw invalid(wireName, `is given twice, also as ${name}`);
    }
    if (wireName === name || (value ?? null) !== null) renamed[wireName] = value;
  }
  return renamed;
}

/** What a caller gave, with the names of the API at every level. Inside of a `scene` each key stays as it is. */
export function withApiNames(given) {
  if (Array.isArray(given)) return given.map(withApiNames);
  if (given === null || typeof given !== "object" || typeof given.toJSON === "function") return given;
  const named = withWireNames(given, Object.keys(given).map(snakeOf));
  return Object.fromEntries(
    Object.entries(named).map(([name, part]) => [name, OPAQUE.has(name) ? part : withApiNames(part)]),
  );
}
