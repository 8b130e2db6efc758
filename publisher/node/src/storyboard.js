/** A storyboard's scene as old callers have it, as the part of a request that it stands for. */

import { answered } from "./log.js";
import { SCENE_KEYS } from "./scene.js";

/** The keys that say how the video is to be. Storyboards carry others, which were never heeded and are not sent. */
export function knownPart(sceneData) {
  const entries = Object.entries(sceneData ?? {});
  const left = entries.map(([name]) => name).filter((name) => !SCENE_KEYS.includes(name));
  if (left.length) answered("scene keys left out", left);
  return Object.fromEntries(entries.filter(([name, value]) => SCENE_KEYS.includes(name) && value !== undefined));
}

/** `{scene}`: prompt and duration are built from it by whoever takes the request in. */
export const fromScene = (sceneData) => ({ scene: knownPart(sceneData) });
