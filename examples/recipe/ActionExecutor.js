// Runs the nodes of a recipe, each as soon as its inputs are there. It stands for the executor of a product: its video
// node calls the service by its old name, with its old parameters, and doesn't know what is behind it.

import { readFile } from "node:fs/promises";

import { generateVideoWithVeo } from "./api/services/videoGenerationService.js";

const ACTIONS = {
  /** What is to be seen. */
  scene: async ({ scene }) => scene,

  /** A storyboard image, as the image model gives it. */
  image: async ({ file }) => {
    const image = await readFile(new URL(file, import.meta.url));
    return `data:image/png;base64,${image.toString("base64")}`;
  },

  /** The video's address. */
  video: async ({ projectId, sceneIndex }, { image, scene }) =>
    await generateVideoWithVeo(image, scene, projectId, sceneIndex),
};

/** What every node gave, by its id. The first one that fails ends the recipe. */
export async function execute({ nodes }) {
  const results = new Map();
  const result = (id) => {
    if (!results.has(id)) results.set(id, run(nodes.find((node) => node.id === id)));
    return results.get(id);
  };
  const run = async ({ type, inputs = {}, parameters }) => {
    const given = Object.entries(inputs).map(async ([name, id]) => [name, await result(id)]);
    return await ACTIONS[type](parameters, Object.fromEntries(await Promise.all(given)));
  };
  return Object.fromEntries(await Promise.all(nodes.map(async ({ id }) => [id, await result(id)])));
}
