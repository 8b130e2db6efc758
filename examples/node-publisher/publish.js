// Asks for a video and waits for it, however long it takes.
//
//   REELBUS_URL=pubsub://my-project node publish.js "A red bicycle turns slowly on white" 8 order-42
//
// REELBUS_URL alone decides how: pubsub://my-project goes straight to the workers, http://localhost:8000 to a facade.

import { createClient, ReelbusError } from "reelbus";

const [prompt, seconds = "5", orderId] = process.argv.slice(2);

const client = createClient();
try {
  // The same job_id is the same video for ever: after a crash, run the same line again. Nothing is paid twice.
  const order = { prompt, duration_seconds: seconds, ...(orderId && { job_id: orderId }) };
  const video = await client.generate(order, { signal: stopped() });
  console.log(JSON.stringify({ id: video.video_id, url: video.video_url, costUsd: video.cost_usd }));
} catch (error) {
  console.error(error instanceof ReelbusError ? whyNot(error) : error);
  process.exitCode = 1;
} finally {
  await client.close(); // over Pub/Sub this takes away the subscription on which the answer came
}

/** One line for a person: what happened, may it be tried again, and did it cost anything? */
function whyNot({ message, retryable, charged, videoId }) {
  return `${message} (retryable: ${retryable}, charged: ${charged}, job: ${videoId ?? "none"})`;
}

/** Ctrl-C ends the wait, never the job. */
function stopped() {
  const controller = new AbortController();
  process.once("SIGINT", () => controller.abort(new Error("stopped waiting; the job goes on")));
  return controller.signal;
}
