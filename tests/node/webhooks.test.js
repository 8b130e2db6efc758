// The signatures that Python makes are those of the package that receivers use.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createPublicKey, verify } from "node:crypto";
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

for (const { name, secrets, public_keys, jwks, body, headers } of vectors.v1a) {
  test(`signatures with public keys: ${name}`, () => {
    const content = Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${body}`);
    const signatures = headers["webhook-signature"].split(" ").filter((each) => each.startsWith("v1a,"));
    assert.equal(signatures.length, jwks.length);
    for (const [at, jwk] of jwks.entries()) {
      const key = createPublicKey({ key: jwk, format: "jwk" });
      assert.ok(verify(null, content, key, Buffer.from(signatures[at].slice("v1a,".length), "base64")));
      assert.ok(
        !verify(null, Buffer.from(`${content}x`), key, Buffer.from(signatures[at].slice("v1a,".length), "base64")),
      );
      assert.equal(public_keys[at], `whpk_${Buffer.from(jwk.x, "base64url").toString("base64")}`);
    }
    for (const secret of secrets) {
      const at = new Date(Number(headers["webhook-timestamp"]) * 1000);
      const [, expected] = new Webhook(secret).sign(headers["webhook-id"], at, body).split(",");
      assert.ok(
        headers["webhook-signature"].includes(`v1,${expected}`),
        "a receiver with a secret takes the mixed header",
      );
    }
  });
}
