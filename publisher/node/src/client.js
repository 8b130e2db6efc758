/** One interface over HTTP and Pub/Sub: the address decides. */

import { HttpClient } from "./http.js";
import { invalid } from "./invalid.js";
import { PubSubClient } from "./pubsub.js";

const DEFAULT_ADDRESS = "http://localhost:8000";

/**
 * A client of the reelbus at `address`: `http(s)://…` or `pubsub://project[?subscription=name]`.
 *
 * Without an address, `REELBUS_URL` is read, then `PYTHON_API_URL`; the default is `http://localhost:8000`. The key is
 * `apiKey` or `REELBUS_API_KEY`. The client opens no connection before it is used.
 */
export function createClient(address, options = {}) {
  const url = parsed(address ?? (setting("REELBUS_URL") || setting("PYTHON_API_URL") || DEFAULT_ADDRESS));
  const apiKey = options.apiKey ?? setting("REELBUS_API_KEY");
  if (url.protocol !== "pubsub:") return new HttpClient({ ...options, url: url.href, apiKey });
  const { httpUrl = url.searchParams.get("httpUrl"), ...rest } = options;
  return new PubSubClient({
    subscription: url.searchParams.get("subscription"),
    ...rest,
    projectId: url.hostname,
    http: httpUrl ? new HttpClient({ ...rest, url: httpUrl, apiKey }) : null,
  });
}

/** An environment variable without blanks and quotation marks around it: `docker --env-file` keeps them. */
function setting(name) {
  return process.env[name]
    ?.trim()
    .replace(/^(["'])(.*)\1$/su, "$2")
    .trim();
}

function parsed(address) {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url?.hostname && ["http:", "https:", "pubsub:"].includes(url.protocol)) return url;
  throw invalid("address", `must be http://…, https://… or pubsub://project, not ${JSON.stringify(address)}`);
}
