/**
 * A request as it is sent, checked field by field in the order of the worker, with its limits and messages.
 *
 * No JSON Schema validator does this: a schema knows neither these messages, nor that null means an absent key, "5"
 * means 5, and a scene replaces a prompt. The vectors in `schemas/vectors` compare it with Python.
 */

import { flag, labels, moment, oneOf, pattern, text, usd, whole } from "./fields.js";
import { reference, references } from "./image.js";
import { invalid } from "./invalid.js";
import { withWireNames } from "./names.js";
import { buildPrompt, checkedScene, durationOf, hasVisibleTexts } from "./scene.js";
import { lengthOf, SPACES, stripped } from "./text.js";
import { hasVisibleText } from "./visible.js";
import { webhook } from "./webhook.js";

const PROMPT_MIN = 10;
const PROMPT_MAX = 2000;
const DURATION_DEFAULT_S = 5;
const PROJECT = new RegExp(`^[^${SPACES}/]{1,128}$`, "u");

export const jobId = pattern(/^[A-Za-z0-9_-]{1,64}$/, "must have 1 to 64 letters, digits, hyphens and underscores");

const OPTIONAL = {
  quality: oneOf("fast", "quality"),
  aspect_ratio: oneOf("16:9", "9:16"),
  resolution: oneOf("720p", "1080p", "4k"),
  negative_prompt: text(2000),
  style: text(200),
  seed: whole(0, 4_294_967_295),
  generate_audio: flag,
  reference_image: reference,
  last_image: reference,
  reference_images: references,
  model: pattern(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/,
    "must have 1 to 100 letters, digits, dots, hyphens and underscores, and begin with a letter or digit",
  ),
  project_id: pattern(PROJECT, "must have 1 to 128 characters without blanks, slashes and control characters"),
  scene_index: whole(0, 100_000),
  start_before: moment,
  max_cost_usd: usd,
  on_unknown_submit: oneOf("fail", "resubmit"),
  labels,
  priority: oneOf("interactive", "batch"),
  webhook,
  evaluate: flag,
};
const DEFAULTS = {
  quality: "fast",
  aspect_ratio: "16:9",
  resolution: "720p",
  generate_audio: true,
  on_unknown_submit: "fail",
  labels: {},
};

/** The keys of a request. */
export const REQUEST_KEYS = ["job_id", "scene", "prompt", "duration_seconds", ...Object.keys(OPTIONAL)];

/** The request with the names of the API: its keys may be in camelCase. */
export const requestOf = (given) => withWireNames(given, REQUEST_KEYS);

/** The request with its prompt, duration and defaults. Throws a ReelbusError for the first invalid field. */
export function checkedRequest(given) {
  if (given === null || typeof given !== "object" || Array.isArray(given)) throw invalid("", "must be an object");
  const scene = given.scene ?? null;
  const request = { job_id: jobId("job_id", required("job_id", given.job_id)) };
  if (scene !== null) request.scene = checkedScene(scene);
  request.prompt = promptOf(given.prompt, scene);
  request.duration_seconds = whole(1, 30)("duration_seconds", given.duration_seconds ?? sceneDuration(scene));
  for (const [name, check] of Object.entries(OPTIONAL)) {
    const value = given[name] ?? null;
    const found = value === null ? undefined : check(name, value);
    if (found !== undefined) request[name] = found;
  }
  const unknown = Object.keys(given).find((name) => !REQUEST_KEYS.includes(name) && given[name] !== undefined);
  if (unknown !== undefined) throw invalid(unknown, "is not a known key");
  return { ...DEFAULTS, ...request };
}

function required(name, value) {
  if (value === null || value === undefined) throw invalid(name, "is required");
  return value;
}

function promptOf(given, scene) {
  const prompt = typeof given === "string" ? stripped(given) : (given ?? "");
  if (typeof prompt === "string" && prompt !== "" && !hasVisibleText(prompt)) {
    throw invalid("prompt", "must have a character that can be seen");
  }
  if (prompt !== "") return text(PROMPT_MAX, PROMPT_MIN)("prompt", prompt);
  if (scene === null) throw invalid("prompt", "is required, or a scene to build it from");
  const built = buildPrompt(scene);
  if (built && !hasVisibleTexts(scene))
    throw invalid("prompt", "built from the scene must have a character that can be seen");
  const length = lengthOf(built);
  if (length >= PROMPT_MIN && length <= PROMPT_MAX) return built;
  throw invalid(
    "prompt",
    `built from the scene must have at least ${PROMPT_MIN} and at most ${PROMPT_MAX} characters, not ${length}`,
  );
}

const sceneDuration = (scene) => (scene === null ? DURATION_DEFAULT_S : durationOf(scene) || DURATION_DEFAULT_S);
