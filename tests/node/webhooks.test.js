// The signatures that Python makes are those of the package that receivers use.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";

const require = createRequire(new URL("../../publisher/node/package.json", import.meta.url));
const { Webhook } = require("standardwebhooks");
const vectors = JSON.parse(readFileSync(new URL("../../schemas/vectors/webhooks.json", import.meta.url), "utf8"));

for (const { name, secrets, body, headers } of vectors.v1) {
  test(`a signature: ${name}`, () => {
    const at = new Date(Number(headers["webhook-timestamp"]) * 1000);
    const made = secrets.map((secret) => new Webhook(secret).sign(headers["webhook-id"], at, body));
    assert.deepEqual(headers["webhook-signature"].split(" "), made);
  });
}
