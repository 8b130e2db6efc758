// Does in a process of its own what a test asks for, one JSON line each, and answers with one JSON line each.
// {id, call, args} → {id, value} or {id, error}, and {id, news} meanwhile; {abort: id} ends a wait.

import { createInterface } from "node:readline";

import { createClient, ReelbusError } from "../../publisher/node/index.js";
import * as service from "../../publisher/node/videoGenerationService.js";

const [address, options = "{}"] = process.argv.slice(2);
const client = createClient(address, JSON.parse(options));
const aborts = new Map();

function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function toldOf(error) {
  const { name, message, stack, cause } = error;
  return {
    ...error,
    name,
    message,
    stack,
    isOurs: error instanceof ReelbusError || error instanceof service.ReelbusError,
    cause: cause && String(cause),
  };
}

async function done({ id, call, args }) {
  const { signal } = aborts.get(id);
  if (call in service) return await service[call](...args);
  if (call === "many") return await Promise.allSettled(args.map((order) => client.generate(order))).then(counted);
  const [first, more] = args;
  if (call === "film with news") {
    return await client.generateFilm(first, { listener: (film) => say({ id, news: film }), signal });
  }
  if (call === "onProgress") return await client.onProgress(first, (news) => say({ id, news }), { signal });
  return await client[call](first, { ...more, signal });
}

// A thousand answers at once: only what was asked, what came, and for whom.
function counted(outcomes) {
  return outcomes.map(({ value, reason }) => value?.video_id ?? `${reason.videoId} ${reason.code}`);
}

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  if ("abort" in asked) aborts.get(asked.abort).abort(new Error("enough"));
  else {
    aborts.set(asked.id, new AbortController());
    done(asked)
      .then((value = null) => say({ id: asked.id, value }))
      .catch((error) => say({ id: asked.id, error: toldOf(error) }));
  }
}
await client.close();
