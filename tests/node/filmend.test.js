// The end of a film is read in every form in which it arrives, and is not taken for the end of a video.

import assert from "node:assert/strict";
import { test } from "node:test";

import { decodeCompletion, decodeFilmCompletion, ReelbusError } from "../../publisher/node/index.js";

const DONE = {
  film_id: "spring",
  revision: 2,
  state: "succeeded",
  gcs_path: "generated-videos/film_spring-1.mp4",
  scenes: [{ name: "one", job_id: "spring-1-x", video_id: "spring-1", start_s: 0, end_s: 1.5 }],
};
const ATTRIBUTES = {
  film_id: "spring",
  "ce-type": "reelbus.film.succeeded.v1",
  "ce-id": "spring.2.film.succeeded",
};
const HELD = {
  film_id: "spring",
  revision: 2,
  state: "held",
  cost_usd: 0.5,
  error: { category: "upstream", code: "scene_failed", message: "These scenes have no video: one.", charged: "no" },
};
const bytes = (value) => Buffer.from(JSON.stringify(value));
const pushed = { message: { data: bytes(DONE).toString("base64"), attributes: ATTRIBUTES, messageId: "1" } };
const event = { specversion: "1.0", id: ATTRIBUTES["ce-id"], type: ATTRIBUTES["ce-type"], data: DONE };
const FORMS = {
  "a message of Google's client": { data: bytes(DONE), attributes: ATTRIBUTES, ack() {} },
  "a message of the REST API": { data: bytes(DONE).toString("base64"), attributes: ATTRIBUTES },
  "a push delivery": pushed,
  "a webhook": event,
  "the bytes of a webhook": bytes(event),
};

for (const [form, given] of Object.entries(FORMS)) {
  test(`${form} says how the film ended, and is not the end of a video`, () => {
    const { film, ...facts } = decodeFilmCompletion(given);
    assert.deepEqual(facts, {
      eventId: ATTRIBUTES["ce-id"],
      type: ATTRIBUTES["ce-type"],
      filmId: "spring",
      revision: 2,
      state: "succeeded",
      error: null,
    });
    assert.deepEqual([film.gcsPath, film.gcs_path], [DONE.gcs_path, DONE.gcs_path]);
    assert.deepEqual([film.scenes[0].videoId, film.scenes[0].endS], ["spring-1", 1.5]);
    assert.equal(decodeCompletion(given), null);
  });
}

test("a film without a file has an error, which says whether anything was paid", () => {
  const { error, state } = decodeFilmCompletion({ data: bytes(HELD), attributes: {} });
  assert.ok(error instanceof ReelbusError);
  assert.deepEqual([state, error.code, error.charged], ["held", "scene_failed", "yes"]);
  const cancelled = decodeFilmCompletion({ data: bytes({ ...DONE, state: "cancelled" }), attributes: {} });
  assert.deepEqual([cancelled.error.code, cancelled.error.charged], ["cancelled", "no"]);
});

test("what is of another type is null, and what can't be read is said so", () => {
  const video = { job_id: "a", state: "succeeded", gcs_path: "generated-videos/a.mp4", timings: {} };
  assert.equal(decodeFilmCompletion({ data: bytes(video), attributes: {} }), null);
  for (const type of ["reelbus.video.succeeded.v1", "reelbus.film.succeeded.v2", "reelbus.webhook.test.v1"]) {
    assert.equal(decodeFilmCompletion({ ...event, type }), null);
  }
  for (const given of [null, 5, "", "nonsense", {}, { data: "[]" }, { ...event, data: { film_id: "spring" } }]) {
    assert.throws(() => decodeFilmCompletion(given), { name: "ReelbusError", code: "unreadable" }, String(given));
  }
});
