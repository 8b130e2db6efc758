// Writes types/ from the JSON Schemas of the messages and of the API's answers: `node scripts/types.js`; with `--check` it fails on drift.

import { readFileSync, writeFileSync } from "node:fs";

import { compile } from "json-schema-to-typescript";

const SCHEMAS = new URL("../../../schemas/json/", import.meta.url);
const FACADE = new URL("../../facade/", import.meta.url);
const TYPES = new URL("../types/", import.meta.url);
const BANNER = "// Generated from the JSON Schema of the same name by scripts/types.js. Do not edit.";

// Titles of single texts would become types of their own, and "a prompt or a scene" would let unknown keys through. Keys
// that a later version may add have no type; its words are texts beside those that are known.
function plain(schema) {
  return JSON.parse(JSON.stringify(schema), function (key, value) {
    if (key === "title" && this.type !== "object" && !this.enum && typeof value === "string") return undefined;
    if (value?.properties) delete value.anyOf;
    if (value?.properties && value.additionalProperties === true) delete value.additionalProperties;
    const words = value?.anyOf?.[0]?.enum;
    if (words) return { description: value.description, title: value.title, tsType: union(words) };
    return value;
  });
}

const union = (words) => [...words.map((word) => JSON.stringify(word)), "(string & {})"].join(" | ");

async function typesOf(name, folder) {
  const schema = JSON.parse(readFileSync(new URL(`${name}.schema.json`, folder), "utf8"));
  const options = { bannerComment: BANNER, additionalProperties: false, style: { printWidth: 120 } };
  return await compile(plain(schema), name, options);
}

const stale = [];
const messages = ["request", "cancel", "film", "completion", "film_completion", "view"];
const folders = { ...Object.fromEntries(messages.map((name) => [name, SCHEMAS])), api: FACADE };
for (const [name, folder] of Object.entries(folders)) {
  const file = new URL(`${name}.d.ts`, TYPES);
  const text = await typesOf(name, folder);
  if (!process.argv.includes("--check")) writeFileSync(file, text);
  else if (readFileSync(file, "utf8") !== text) stale.push(`types/${name}.d.ts`);
}
for (const name of stale) console.error(`${name} is not what schemas/json says; run: npm run types`);
process.exitCode = stale.length ? 1 : 0;
