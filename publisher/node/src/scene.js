/**
 * A storyboard scene, and the prompt and duration that are built from it.
 *
 * The worker builds the same prompt in Python, byte by byte; the vectors compare both.
 */

import { text } from "./fields.js";
import { invalid } from "./invalid.js";
import { cleaned } from "./text.js";
import { MICROS_PER_SECOND, microsOf, normalized, spanOf } from "./timecode.js";
import { hasVisibleText } from "./visible.js";

const LABELS = {
  title: "",
  description: "",
  visual: "Visual: ",
  cameraFlow: "Camera: ",
  script: "Voice-over: ",
  backgroundMusic: "Music: ",
};
const SENTENCE_END = /[.!?…。！？]$/u;

/** The keys of a scene that hold a text. */
export const TEXT_KEYS = Object.keys(LABELS);

/** The keys of a scene. */
export const SCENE_KEYS = [...TEXT_KEYS, "timeStart", "timeEnd"];

/** The prompt for a scene: each of its texts with a label, as one sentence, joined by single spaces. */
export function buildPrompt(scene) {
  return Object.entries(LABELS)
    .map(([name, label]) => [label, cleaned(scene[name])])
    .filter(([, words]) => words)
    .map(([label, words]) => label + (SENTENCE_END.test(words) ? words : `${words}.`))
    .join(" ");
}

/** True if the scene has a text with a visible character. */
export const hasVisibleTexts = (scene) => Object.keys(LABELS).some((name) => hasVisibleText(scene[name] ?? ""));

/** Whole seconds that hold the scene (rounded up), or null if it has no end. */
export function durationOf(scene) {
  const end = endOf(scene.timeEnd);
  return end === null ? null : Math.ceil((end - startOf(scene.timeStart, scene.timeEnd)) / MICROS_PER_SECOND);
}

/** The checked scene. Throws a ReelbusError for the first invalid field. */
export function checkedScene(scene) {
  if (scene === null || typeof scene !== "object" || Array.isArray(scene)) throw invalid("scene", "must be an object");
  for (const name of Object.keys(LABELS)) {
    if (there(scene[name], false)) text(2000)(`scene.${name}`, scene[name]);
  }
  const times = {
    timeStart: checkedTime("timeStart", scene.timeStart),
    timeEnd: checkedTime("timeEnd", scene.timeEnd),
  };
  const end = endOf(scene.timeEnd);
  if (end !== null && end <= startOf(scene.timeStart, scene.timeEnd)) {
    throw invalid("scene.timeEnd", "must be after the scene's start");
  }
  const unknown = Object.keys(scene).find((name) => !SCENE_KEYS.includes(name) && scene[name] !== undefined);
  if (unknown !== undefined) throw invalid(`scene.${unknown}`, "is not a known key");
  const changed = Object.entries(times).filter(([name, time]) => time !== scene[name]);
  return changed.length ? { ...scene, ...Object.fromEntries(changed) } : scene;
}

function checkedTime(name, time) {
  if (time === null || time === undefined) return time;
  const path = `scene.${name}`;
  if (typeof time !== "string" && !Number.isFinite(time)) throw invalid(path, "must be a time such as 8s, 0:08 or 8");
  try {
    return there(time) ? normalized(time) : time;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw invalid(path, error.message);
  }
}

function endOf(time) {
  if (!there(time)) return null;
  return spanOf(time)?.[1] ?? microsOf(time);
}

function startOf(timeStart, timeEnd) {
  if (there(timeEnd)) {
    const both = spanOf(timeEnd);
    if (both) return both[0];
  }
  if (!there(timeStart)) return 0;
  return spanOf(timeStart)?.[0] ?? microsOf(timeStart);
}

/** False for an absent value and, by default, for a text of blanks alone. */
function there(value, blanksCount = true) {
  return value !== null && value !== undefined && !(blanksCount && typeof value === "string" && !cleaned(value));
}
