// Hears of every video that any team asked for, and keeps a journal of them: one line for each.
//
//   node subscribe.js my-project my-team videos.jsonl
//
// Pub/Sub delivers at least once. A repeat has the same `ce-id`, and is dropped; a message is acknowledged only after
// its line is written. One append is both the work and the memory of it, so that a crash in between can't part them.
// Later versions of reelbus announce more: types that this program doesn't know are acknowledged, keys left alone.

import { appendFile, readFile } from "node:fs/promises";

import { PubSub } from "@google-cloud/pubsub";

const [projectId, name, journal] = process.argv.slice(2);
const COMPLETION = /^reelbus\.video\.(succeeded|failed|cancelled|expired|rejected)\.v1$/;
const CREATE = { retryPolicy: { minimumBackoff: { seconds: 1 }, maximumBackoff: { seconds: 60 } } };

const seen = new Set(await journaled());
const underWay = new Set();
const pubsub = new PubSub({ projectId });
const topic = pubsub.topic("video-completions");

// Makes the subscription at the first start. From then on it keeps what comes while this program is away.
await topic.createSubscription(name, CREATE).catch((error) => {
  if (error.code === 6) return; // it is there already
  console.error(error.code === 5 ? `no topic in ${projectId}: \`reelbus setup\` makes what is needed` : error.message);
  process.exit(1);
});
const subscription = pubsub.subscription(name);
subscription.on("message", receive);
subscription.on("error", stop);
process.once("SIGINT", stop);
process.once("SIGTERM", stop);
console.log(`listening on ${name}`);

async function receive(message) {
  const { "ce-id": id, "ce-type": type } = message.attributes;
  if (!COMPLETION.test(type)) {
    console.log(`${type} is nothing that this program knows`);
    return message.ack();
  }
  if (seen.has(id)) return message.ack();
  if (underWay.has(id)) return message.nack(); // whether the first one succeeds isn't known yet
  underWay.add(id);
  try {
    await handle(id, message);
    seen.add(id);
    message.ack();
  } catch (error) {
    console.error(`${id} comes again: ${error.message}`);
    message.nack();
  } finally {
    underWay.delete(id);
  }
}

/** What this team does with a completion. It throws where it did not succeed. */
async function handle(id, { data }) {
  const { job_id, state, video_url, cost_usd, error, labels } = JSON.parse(data.toString());
  const line = { id, job_id, state, video_url, cost_usd, reason: error?.message, labels };
  await appendFile(journal, `${JSON.stringify(line)}\n`);
  console.log(`${job_id} ${state}: ${video_url ?? error?.message ?? "its address was erased"}`);
}

/** The ids of an earlier run. */
async function journaled() {
  const text = await readFile(journal, "utf8").catch(() => "");
  const lines = text.split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line).id);
}

async function stop(error) {
  if (error instanceof Error) console.error(error.message);
  process.exitCode = error instanceof Error ? 1 : 0;
  await subscription.close(); // what is under way is still handled, and acknowledged
  await pubsub.close();
}
