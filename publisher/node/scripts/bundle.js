// Makes videoGenerationService.js, one file to be copied, of src/legacy.js and all that it needs: `node scripts/bundle.js`;
// with `--check` it fails where the file is not that.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";
import { format } from "prettier";

const PACKAGE = fileURLToPath(new URL("..", import.meta.url));
const BUILT = new URL("../videoGenerationService.js", import.meta.url);
const LICENSE = readFileSync(new URL("../node_modules/eventsource-parser/LICENSE", import.meta.url), "utf8");
const BANNER = `/**
 * reelbus behind the functions of \`api/services/videoGenerationService.js\`: this file alone takes that one's place.
 *
 * Made by scripts/bundle.js from src/; do not edit. SPDX-License-Identifier: Apache-2.0
 *
 * Part of it is eventsource-parser:
 *
${LICENSE.trim()
  .split("\n")
  .map((line) => ` * ${line}`.trimEnd())
  .join("\n")}
 */
`;

const { outputFiles } = await build({
  absWorkingDir: PACKAGE,
  entryPoints: ["src/legacy.js"],
  bundle: true,
  write: false,
  platform: "node",
  format: "esm",
  target: "node20.3",
  charset: "utf8",
  external: ["@google-cloud/pubsub"],
});
// esbuild names each source by a path, which depends on where node_modules is.
const source = outputFiles[0].text.replace(/^\/\/ \S+\.js\n/gm, "");
const text = await format(BANNER + source, { parser: "babel", printWidth: 120 });
if (!process.argv.includes("--check")) writeFileSync(BUILT, text);
else if (readFileSync(BUILT, "utf8") !== text) {
  console.error("videoGenerationService.js is not what src/ says; run: npm run bundle");
  process.exitCode = 1;
}
