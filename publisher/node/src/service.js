/** The client of the old service's functions, and the old error texts. */

import { createClient } from "./client.js";
import { ReelbusError } from "./errors.js";
import { requestOf } from "./request.js";

const IDLE_MS = 2_000;

let client = null;
let calls = 0;
let closing;

/** The video of the request that `build` returns. */
export async function made(build, { signal, ...fields } = {}) {
  return await withClient(signal, async (open) => {
    const order = await build(signal);
    return await open().generate({ ...order, ...requestOf(fields) }, { signal });
  });
}

/** The result of `work`, which opens the client. Errors have the texts of the old service. */
export async function withClient(signal, work) {
  clearTimeout(closing);
  calls += 1;
  try {
    return await work(() => (client ??= createClient()));
  } catch (error) {
    throw signal?.aborted ? error : inOldWords(error);
  } finally {
    calls -= 1;
    if (calls === 0) closing = setTimeout(close, IDLE_MS).unref();
  }
}

/** The results in the order of the items; a limited number runs at once. */
export async function inOrder(items, atOnce, work) {
  const results = [];
  const left = items.entries();
  const worker = async () => {
    for (const [index, item] of left) results[index] = await work(item, index);
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(atOnce, items.length)) }, worker));
  return results;
}

/** An open subscription would keep a script from ending. */
function close() {
  const idle = client;
  client = null;
  idle?.close().catch(() => {});
}

/** The error with the text of the old service. */
export function inOldWords(error) {
  if (!(error instanceof ReelbusError)) return error;
  const words = error.status
    ? `Python API error: ${error.status} - ${error.detail}`
    : `Python Video Generation API Error: ${error.message}`;
  return Object.assign(new ReelbusError(words, error), { cause: error });
}
