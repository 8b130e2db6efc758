// What every release announced is read, also with the keys and the words of a later one; other types are passed over.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { ReelbusError } from "../../publisher/node/index.js";
import { completionOf, isForeign } from "../../publisher/node/src/messages.js";
import { videoOfCompletion } from "../../publisher/node/src/video.js";

const FOLDER = new URL("../corpus/", import.meta.url);
const COMPLETED = /\.(succeeded|failed|cancelled|expired|rejected)\.v1$/;
const RELEASES = readdirSync(FOLDER).filter((name) => /^\d/.test(name));

function messages() {
  return RELEASES.flatMap((release) => JSON.parse(readFileSync(new URL(`${release}/messages.json`, FOLDER), "utf8")));
}

const completions = messages().filter(({ attributes }) => COMPLETED.test(attributes["ce-type"]));
const carried = (body, attributes) => completionOf({ data: Buffer.from(JSON.stringify(body)), attributes });

/** What a caller gets for it: a video, or the reason why there is none. */
function outcome(completion) {
  try {
    return videoOfCompletion(completion);
  } catch (error) {
    assert.ok(error instanceof ReelbusError, error.stack);
    return { ...error, message: error.message };
  }
}

function grown(value) {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(grown);
  const entries = Object.entries(value).map(([key, part]) => [key, grown(part)]);
  return { ...Object.fromEntries(entries), key_of_tomorrow: { words: ["later"] } };
}

assert.ok(completions.length > 5);
for (const { data, attributes } of completions) {
  const body = JSON.parse(data);
  const name = attributes["ce-id"];
  test(`${name} is read`, () => {
    const completion = carried(body, attributes);
    assert.deepEqual(completion, body);
    assert.equal(outcome(completion).video_id ?? outcome(completion).videoId ?? null, body.job_id ?? null);
  });

  test(`${name} with keys of a later version says the same`, () => {
    const { timings: _, labels: __, ...told } = outcome(carried(grown(body), attributes));
    const { timings: ___, labels: ____, ...meant } = outcome(carried(body, attributes));
    assert.deepEqual(told, meant);
  });
}

test("a category of a later version is kept", () => {
  const failed = completions.find(({ attributes }) => attributes["ce-type"].includes(".failed."));
  const body = JSON.parse(failed.data);
  const told = outcome(carried({ ...body, error: { ...body.error, category: "weather" } }, failed.attributes));
  assert.deepEqual([told.category, told.status], ["weather", 500]);
});

test("types of a later version are passed over", () => {
  const { attributes } = completions[0];
  assert.equal(isForeign({ attributes }), false);
  for (const type of ["reelbus.video.succeeded.v2", "reelbus.video.paused.v1", "com.example.other"]) {
    assert.equal(isForeign({ attributes: { ...attributes, "ce-type": type } }), true);
  }
});
