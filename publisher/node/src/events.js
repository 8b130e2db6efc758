/** The event stream of a job, followed to its end although facades restart. */

import { createParser } from "eventsource-parser";

import { refusalOf } from "./call.js";
import { withBothNames } from "./names.js";
import { sleep } from "./patience.js";

const SILENCE_MS = 45_000; // a heartbeat comes every 15 s
const AGAIN_MS = 500;
const TOLD = ["state", "progress"]; // a newer facade may send others

/** Calls `listener` with each `state` and `progress` event; returns the view of the job at its end. */
export async function follow(caller, videoId, listener, patience, signal) {
  for await (const { event, data } of news(caller, videoId, patience, signal)) {
    if (event === "done") return data;
    listener({ event, ...data });
  }
  throw new Error("unreachable: the news go on until the job is done");
}

/** Each event once, in order; `done` is the last. */
async function* news(caller, videoId, patience, signal) {
  let lastId = null;
  let heard = false;
  for (;;) {
    try {
      const here = () => {
        patience.heard();
        heard = true;
      };
      for await (const told of stream(caller, videoId, lastId, signal, here)) {
        lastId = told.id ?? lastId;
        yield told;
      }
      await sleep(AGAIN_MS, signal); // the facade is stopping, or a proxy closed the stream
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error.code === "unreachable" && heard) && !(error.status >= 502)) throw error;
      await patience.pause(error, signal, error.retryAfterMs);
    }
  }
}

/** Calls `here` for each event and heartbeat. Heartbeats are not yielded. */
async function* stream(caller, videoId, lastId, signal, here) {
  const silence = new AbortController();
  const quiet = setTimeout(() => silence.abort(new DOMException("no heartbeat", "TimeoutError")), SILENCE_MS);
  try {
    const response = await caller.open("GET", `/api/videos/${videoId}/events`, {
      headers: { accept: "text/event-stream", ...(lastId && { "last-event-id": lastId }) },
      signal: signal ? AbortSignal.any([signal, silence.signal]) : silence.signal,
      caller: signal,
      videoId,
    });
    if (!response.ok) throw refusalOf(await caller.answerOf(response, signal, videoId), videoId);
    yield* events(caller.chunks(response, signal, videoId), quiet, here);
  } finally {
    clearTimeout(quiet);
    silence.abort();
  }
}

async function* events(chunks, quiet, here) {
  const found = [];
  const parser = createParser({ onEvent: (told) => found.push(told) });
  const decoder = new TextDecoder();
  for await (const chunk of chunks) {
    quiet.refresh();
    here();
    parser.feed(decoder.decode(chunk, { stream: true }));
    for (const { event, data, id } of found.splice(0)) {
      if (event === "done" || TOLD.includes(event)) yield { event, id, data: withBothNames(JSON.parse(data)) };
    }
  }
}
