// Runs a recipe and prints where its videos are.
//
//   REELBUS_URL=http://localhost:8000 node run.js            (or pubsub://my-project)

import { readFile } from "node:fs/promises";

import { execute } from "./ActionExecutor.js";

const recipe = JSON.parse(await readFile(new URL("recipe.json", import.meta.url), "utf8"));
try {
  const results = await execute(recipe);
  for (const { id, type } of recipe.nodes) if (type === "video") console.log(`${id}: ${results[id]}`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
