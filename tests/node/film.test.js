// What a real facade shows only after minutes, or once in a while: answers on the wire, in the order of each test.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { createClient } from "../../publisher/node/index.js";

const FILM = { filmId: "ad", scenes: [{ name: "one", prompt: "A harbour at dawn", durationSeconds: 4 }] };

const view = (state, scene, more = {}) => ({
  film_id: "ad",
  revision: 1,
  state,
  cost_usd: 0,
  scenes: [{ name: "one", state: scene }],
  ...more,
});

/** Gives `work` a client of a server with these answers, and returns the calls. `null` is an answer that gets lost. */
async function served(answers, work) {
  const calls = [];
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const part of request) body += part;
    calls.push([request.method, request.url, body && JSON.parse(body)]);
    const answer = answers.shift();
    if (answer === null) return request.socket.destroy();
    const [status, told, headers] = answer;
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(told));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await work(createClient(`http://127.0.0.1:${server.address().port}`));
  } finally {
    server.close();
    server.closeAllConnections();
  }
  return calls;
}

test("a storyboard whose answer got lost, or for which the queue has no room, is sent again as it is", async () => {
  const full = { detail: "Too many", error: { category: "quota", code: "too_many_queued", message: "Too many" } };
  const answers = [
    null,
    [429, full, { "retry-after": "0" }],
    [202, view("planned", "planned")],
    [200, view("succeeded", "succeeded", { video_url: "/a.mp4" })],
  ];
  const calls = await served(answers, async (client) => {
    assert.equal((await client.generateFilm(FILM)).videoUrl, "/a.mp4");
  });
  const sent = { film_id: "ad", scenes: [{ name: "one", prompt: "A harbour at dawn", duration_seconds: 4 }] };
  assert.deepEqual(calls.slice(0, 3), Array(3).fill(["POST", "/api/films", sent]));
  assert.deepEqual(calls[3].slice(0, 2), ["GET", "/api/films/ad"]);
});

test("a held film is waited for while its scene is replayed, and until a worker has seen that", async () => {
  const states = [];
  const answers = [
    [200, view("held", "queued")],
    [200, view("held", "succeeded")],
    [200, view("joining", "succeeded")],
    [200, view("succeeded", "succeeded")],
  ];
  await served(answers, (client) => client.waitForFilm("ad", { listener: ({ state }) => states.push(state) }));
  assert.deepEqual(states, ["held", "held", "joining", "succeeded"]);
});

test("a held film ends the wait, and its error says what may have been paid", async () => {
  const error = {
    category: "upstream",
    code: "scene_failed",
    message: "These scenes have no video: one.",
    charged: "no",
  };
  const scene = { name: "one", state: "failed", error: { charged: "unknown" } };
  const answers = [
    [200, view("held", "failed", { error })],
    [200, view("held", "failed", { error, cost_usd: 0.5 })],
    [200, view("held", "failed", { error, cost_usd: 0.5, scenes: [scene] })],
  ];
  await served(answers, async (client) => {
    for (const charged of ["no", "yes", "unknown"]) {
      const refusal = { code: "scene_failed", message: error.message, charged, name: "ReelbusError" };
      await assert.rejects(client.waitForFilm("ad"), refusal);
    }
  });
});
