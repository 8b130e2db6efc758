/** Fetches a storyboard image by its address. */

import { unreachable } from "./errors.js";
import { IMAGE_AT_MOST_BYTES } from "./image.js";
import { invalid } from "./invalid.js";

const WITHIN_MS = 30_000;

/** Fetches by GET, without credentials. Throws `invalid_request` for a bad answer, and `unreachable` without one. */
export async function fetchedImage(address, signal) {
  if (!URL.canParse(address)) throw invalid("reference_image", "must be an address that can be fetched");
  const limit = AbortSignal.timeout(WITHIN_MS);
  try {
    const response = await fetch(address, { signal: signal ? AbortSignal.any([signal, limit]) : limit });
    if (response.ok) return await bytesOf(response);
    const words = `must be an image that can be fetched: ${shown(address)} answered ${response.status}`;
    await response.body?.cancel();
    throw invalid("reference_image", words);
  } catch (error) {
    signal?.throwIfAborted();
    if (error.name !== "TimeoutError" && !(error instanceof TypeError)) throw error;
    const words = error.cause?.code ?? error.cause?.message ?? error.message;
    throw unreachable(`the storyboard image ${shown(address)} can't be fetched (${words})`, {
      cause: error,
      sent: false,
    });
  }
}

async function bytesOf(response) {
  const parts = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > IMAGE_AT_MOST_BYTES) {
      throw invalid("reference_image", `must have at most ${IMAGE_AT_MOST_BYTES.toLocaleString("en-US")} bytes`);
    }
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** The address without its query, which may be a signature. */
function shown(address) {
  const { origin, pathname } = new URL(address);
  return origin + pathname;
}
