// A receiver as its users write it: `standardwebhooks` verifies each event, or the answer is 400.
// node webhook_receiver.js SECRET: prints its port, then a line of JSON for each event.

import { createServer } from "node:http";
import { createRequire } from "node:module";

import { decodeFilmCompletion } from "../../publisher/node/index.js";

const require = createRequire(new URL("../../publisher/node/package.json", import.meta.url));
const { Webhook } = require("standardwebhooks");
const webhook = new Webhook(process.argv[2]);

function verified(body, headers) {
  try {
    const event = webhook.verify(body, headers);
    return { id: headers["webhook-id"], event, film: decodeFilmCompletion(event) };
  } catch (error) {
    return { refused: error.message };
  }
}

const server = createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const seen = verified(Buffer.concat(parts).toString("utf8"), request.headers);
  process.stdout.write(`${JSON.stringify(seen)}\n`);
  response.writeHead(seen.refused ? 400 : 204).end();
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`${server.address().port}\n`));
