/**
 * The arguments of old callers, as parts of a request. A value with one meaning is accepted: a number for a text, the
 * name of a project with blanks, an image by its address. Other values are refused, with the field and its limit.
 */

import { fetchedImage } from "./fetched.js";
import { kindOf, plainDataUrl } from "./image.js";
import { invalid } from "./invalid.js";
import { answered } from "./log.js";
import { withApiNames } from "./names.js";
import { SCENE_KEYS, TEXT_KEYS } from "./scene.js";
import { lengthOf, SPACES, stripped } from "./text.js";

const IMAGE_KEYS = ["reference_image", "last_image", "reference_images"];
const PROJECT_AT_MOST = 128;
const NOT_IN_PROJECT = new RegExp(`[${SPACES}/]`, "gu");

/** The keys that describe the video. Storyboards have others, which never had an effect and are not sent. */
export function knownPart(sceneData) {
  const entries = Object.entries(sceneData ?? {});
  const left = entries.map(([name]) => name).filter((name) => !SCENE_KEYS.includes(name));
  if (left.length) answered("scene keys left out", left);
  const known = entries.filter(([name, value]) => SCENE_KEYS.includes(name) && value !== undefined);
  return Object.fromEntries(
    known.map(([name, value]) => [name, TEXT_KEYS.includes(name) ? textOf(name, value) : value]),
  );
}

/** `{scene}`: the client or the facade builds prompt and duration from it. */
export const fromScene = (sceneData) => ({ scene: knownPart(sceneData) });

/** A project's id: also a number, or a name. Blanks and slashes are written as in a URL: `My%20Project`. */
export function projectOf(projectId) {
  const plain = typeof projectId?.toJSON === "function" ? projectId.toJSON() : projectId;
  if (plain === undefined || plain === null) return undefined;
  if (typeof plain !== "string" && !isNumber(plain)) throw invalid("project_id", "must be a text or a number");
  const encoded = stripped(String(plain)).replace(NOT_IN_PROJECT, (character) => encodeURIComponent(character));
  const length = lengthOf(encoded);
  if (length <= PROJECT_AT_MOST) return encoded || undefined;
  throw invalid("project_id", `must have at most ${PROJECT_AT_MOST} characters, not ${length}`);
}

/** A storyboard image as callers give it: base64 with or without `data:…;base64,`, bytes, an address, or none. */
export async function referenceOf(image, signal) {
  if (!image) return undefined;
  if (image instanceof Uint8Array) return inlined(Buffer.from(image));
  if (typeof image !== "string") throw invalid("reference_image", "must be a text or the bytes of an image");
  const text = stripped(image);
  if (/^https?:\/\//i.test(text)) return inlined(await fetchedImage(text, signal));
  // Another value stays as it is: the server has the message for it.
  return plainDataUrl(/^[a-z]+:/i.test(text) ? text : `data:;base64,${text}`) ?? text;
}

/** The storyboard of a film, whose scenes, images and project may be as old callers give them. */
export async function knownStoryboard(given, signal) {
  const { project_id, defaults, scenes, ...rest } = withApiNames(given ?? {});
  const withImages = async (part) => {
    const images = Object.entries(part ?? {}).filter(([name, value]) => IMAGE_KEYS.includes(name) && value);
    const read = images.map(async ([name, value]) => [name, await imagesOf(value, signal)]);
    return part && { ...part, ...Object.fromEntries(await Promise.all(read)) };
  };
  const known = async (entry) => {
    const part = await withImages(entry);
    return part?.scene ? { ...part, scene: knownPart(part.scene) } : part;
  };
  return {
    ...rest,
    project_id: projectOf(project_id),
    defaults: await withImages(defaults),
    scenes: Array.isArray(scenes) ? await Promise.all(scenes.map(known)) : scenes,
  };
}

const imagesOf = (value, signal) =>
  Array.isArray(value) ? Promise.all(value.map((image) => referenceOf(image, signal))) : referenceOf(value, signal);

function inlined(bytes) {
  const kind = kindOf(bytes);
  if (kind) return `data:${kind};base64,${bytes.toString("base64")}`;
  throw invalid("reference_image", "must be a PNG, JPEG or WebP image; its bytes are something else");
}

function textOf(name, value) {
  if (value === null || typeof value === "string") return value;
  if (isNumber(value)) return String(value);
  throw invalid(`scene.${name}`, "must be a text");
}

const isNumber = (value) => Number.isFinite(value) || typeof value === "bigint";
