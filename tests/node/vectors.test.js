// The vectors that Python is held to as well: the same prompts, durations, requests and complaints, byte by byte.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { checkedRequest, ReelbusError } from "../../publisher/node/index.js";
import { microsOf, spanOf } from "../../publisher/node/src/timecode.js";

const FOLDER = new URL("../../schemas/vectors/", import.meta.url);

function cases(name) {
  return JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), "utf8")).cases;
}

function micros(decimal) {
  const [whole, fraction = ""] = decimal.split(".");
  return Number(whole + fraction.padEnd(6, "0"));
}

function refusal(request) {
  try {
    checkedRequest(request);
  } catch (error) {
    assert.ok(error instanceof ReelbusError, error.stack);
    assert.equal(error.detail, `Invalid request: ${error.message}`);
    assert.deepEqual([error.status, error.category, error.charged], [400, "invalid_request", "no"]);
    return { field: error.field, message: error.message };
  }
  return null;
}

for (const each of cases("timecodes")) {
  test(`a time: ${each.name}`, () => {
    if ("error" in each) {
      assert.throws(() => spanOf(each.input) ?? microsOf(each.input), { message: each.error });
    } else if ("seconds" in each) {
      assert.equal(spanOf(each.input), null);
      assert.equal(microsOf(each.input), micros(each.seconds));
    } else {
      assert.deepEqual(spanOf(each.input), [micros(each.start), micros(each.end)]);
    }
  });
}

for (const each of cases("scenes")) {
  test(`a scene: ${each.name}`, () => {
    const asked = { job_id: "job-1", scene: each.scene };
    if ("error" in each) {
      assert.deepEqual(refusal(asked), each.error);
    } else {
      const { prompt, duration_seconds } = checkedRequest(asked);
      assert.deepEqual({ prompt, duration_seconds }, each.expected);
    }
  });
}

for (const each of cases("requests")) {
  test(`a request: ${each.name}`, () => {
    if ("error" in each) {
      assert.deepEqual(refusal(each.request), each.error);
    } else {
      const request = checkedRequest(each.request);
      const seen = Object.fromEntries(Object.keys(each.expected).map((name) => [name, request[name]]));
      assert.deepEqual(seen, each.expected);
    }
  });
}
