// A completion is read in every form in which it arrives, and each key has both names.

import assert from "node:assert/strict";
import { test } from "node:test";

import { decodeCompletion, ReelbusError } from "../../publisher/node/index.js";
import { withBothNames, withOldNames } from "../../publisher/node/src/names.js";
import { requestOf } from "../../publisher/node/src/request.js";

const DONE = {
  job_id: "acme.9f86d081",
  life: 1,
  state: "succeeded",
  request: { job_id: "acme.9f86d081", prompt: "A harbour at dawn", duration_seconds: 4, labels: { my_key: "a_b" } },
  gcs_path: "generated-videos/video_1.mp4",
  timings: { ended_at: "2026-01-31T12:00:00.000Z" },
};
const ATTRIBUTES = {
  job_id: "acme.9f86d081",
  "ce-type": "reelbus.video.succeeded.v1",
  "ce-id": "acme.9f86d081.1.succeeded",
  caller: "acme",
  video_id: "order-42",
};
const FAILED = {
  job_id: "order-43",
  state: "failed",
  error: { category: "safety_filter", code: "refused", message: "The prompt was refused.", charged: "no" },
  timings: {},
};
const bytes = (value) => Buffer.from(JSON.stringify(value));
const pushed = { message: { data: bytes(DONE).toString("base64"), attributes: ATTRIBUTES, messageId: "1" } };
const event = {
  specversion: "1.0",
  id: ATTRIBUTES["ce-id"],
  type: ATTRIBUTES["ce-type"],
  data: { ...DONE, video_id: "order-42" },
};
const FORMS = {
  "a message of Google's client": { data: bytes(DONE), attributes: ATTRIBUTES, ack() {} },
  "a message of the REST API": { data: bytes(DONE).toString("base64"), attributes: ATTRIBUTES },
  "a push delivery": pushed,
  "the bytes of a push delivery": bytes(pushed),
  "a webhook": event,
  "the text of a webhook": JSON.stringify(event),
};

for (const [form, given] of Object.entries(FORMS)) {
  test(`${form} says how the job ended`, () => {
    const { video, completion, ...facts } = decodeCompletion(given);
    const caller = form.includes("webhook") ? null : "acme";
    assert.deepEqual(facts, {
      eventId: ATTRIBUTES["ce-id"],
      type: ATTRIBUTES["ce-type"],
      jobId: "acme.9f86d081",
      videoId: "order-42",
      caller,
      state: "succeeded",
      error: null,
      defect: null,
    });
    assert.deepEqual([video.videoId, video.video_id, video.durationSeconds], ["order-42", "order-42", 4]);
    assert.deepEqual([video.gcsPath, video.generationTime], [DONE.gcs_path, DONE.timings.ended_at]);
    assert.equal(completion.timings.endedAt, DONE.timings.ended_at);
  });
}

test("a failure is an error and no video", () => {
  const { video, error, videoId } = decodeCompletion({ data: bytes(FAILED), attributes: {} });
  assert.deepEqual([video, videoId], [null, "order-43"]);
  assert.ok(error instanceof ReelbusError);
  assert.deepEqual([error.code, error.charged, error.videoId, error.status], ["refused", "no", "order-43", 422]);
});

test("an erased video is an error", () => {
  const { error } = decodeCompletion({ data: bytes({ ...DONE, erased_at: "2026-02-01T00:00:00.000Z" }) });
  assert.equal(error.code, "erased");
});

test("a message of another type needs no handling", () => {
  for (const type of ["reelbus.video.succeeded.v2", "reelbus.webhook.test.v1"]) {
    assert.equal(decodeCompletion({ data: bytes(DONE), attributes: { "ce-type": type } }), null);
    assert.equal(decodeCompletion({ ...event, type }), null);
  }
});

test("what can't be read is said so", () => {
  for (const given of [null, undefined, 5, "", "nonsense", {}, [], { data: 5 }, { data: "[]" }, { message: {} }]) {
    assert.throws(() => decodeCompletion(given), { name: "ReelbusError", code: "unreadable" }, String(given));
  }
});

test("each key has both names, and the caller's own keys have theirs", () => {
  const view = { video_id: "a", clips: [{ price_usd: 1 }], labels: { my_key: "x_y" }, error: null };
  const named = withBothNames(view);
  assert.deepEqual([named.videoId, named.clips[0].priceUsd, named.clips[0].price_usd], ["a", 1, 1]);
  assert.deepEqual(named.labels, view.labels);
  assert.deepEqual(withBothNames(named), named);
  assert.deepEqual(withOldNames(named), view);
});

test("a request may be in camelCase, in the names of the API, or in both", () => {
  const old = { job_id: "a", prompt: "A harbour at dawn", duration_seconds: 4, aspect_ratio: "9:16", max_cost_usd: 1 };
  const camel = { jobId: "a", prompt: "A harbour at dawn", durationSeconds: 4, aspectRatio: "9:16", maxCostUsd: 1 };
  assert.deepEqual(requestOf(camel), old);
  assert.deepEqual(requestOf({ ...old, durationSeconds: null, jobId: undefined }), old);
  assert.deepEqual(requestOf({ ...old, durationSecs: 4 }), { ...old, durationSecs: 4 });
  const words = "duration_seconds is given twice, also as durationSeconds";
  assert.throws(() => requestOf({ ...old, durationSeconds: 4 }), { field: "duration_seconds", message: words });
});
