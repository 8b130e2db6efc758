/** Reference images: what may stand in `reference_image`, and what of it may travel on the bus. */

import { invalid } from "./invalid.js";
import { SPACES } from "./text.js";

const CHARACTERS_AT_MOST = 28_000_000;
const ON_BUS_AT_MOST_BYTES = 7_000_000;
const DATA = /^data:image\/(?:png|jpeg|webp);base64,/;
const BUCKET = new RegExp(`^gs://[a-z0-9][a-z0-9._-]{1,220}/[^${SPACES}]{1,1024}$`, "u");
const STORED = /^reelbus:references\/[0-9a-f]{64}\.(?:png|jpg|webp)$/;
const KINDS = [
  ["image/png", (start) => start.startsWith("\x89PNG\r\n\x1a\n")],
  ["image/jpeg", (start) => start.startsWith("\xff\xd8\xff")],
  ["image/webp", (start) => start.startsWith("RIFF") && start.slice(8, 12) === "WEBP"],
];

/** The reference, once its form is right. */
export function reference(path, value) {
  if (typeof value !== "string") throw invalid(path, "must be a text");
  if (value.length > CHARACTERS_AT_MOST) {
    throw invalid(path, `must have at most ${CHARACTERS_AT_MOST} characters, not ${value.length}`);
  }
  if (!isInline(value) && !BUCKET.test(value) && !STORED.test(value)) {
    throw invalid(path, "must be a data: URL (base64 PNG, JPEG or WebP) or a gs://bucket/object URI");
  }
  return value;
}

/** Throws for an inline image that the bus can't carry, or that is none. The worker would reject the message. */
export function checkForBus(value) {
  if (!value?.startsWith("data:")) return;
  const encoded = value.slice(value.indexOf(",") + 1);
  const bytes = Buffer.from(encoded, "base64");
  if (bytes.length > ON_BUS_AT_MOST_BYTES) {
    const limit = ON_BUS_AT_MOST_BYTES.toLocaleString("en-US");
    throw invalid(
      "reference_image",
      `must have at most ${limit} bytes on the bus, not ${bytes.length.toLocaleString("en-US")}; send a larger one by HTTP or as a gs:// address`,
    );
  }
  if (encoded.length % 4 !== 0) throw invalid("reference_image", "must be valid base64");
  if (!kindOf(bytes)) {
    throw invalid("reference_image", "must be a PNG, JPEG or WebP image; its bytes are something else");
  }
}

/** A storyboard image as callers have it: with or without `data:…;base64,` before it, or none at all. */
export function referenceOf(image) {
  if (!image) return undefined;
  if (typeof image !== "string" || /^[a-z]+:/.test(image)) return image;
  const kind = kindOf(Buffer.from(image.slice(0, 24), "base64"));
  return kind ? `data:${kind};base64,${image}` : image;
}

/** The media type of an image by its first bytes; null for anything else. */
const kindOf = (bytes) => KINDS.find(([, fits]) => fits(bytes.subarray(0, 12).toString("latin1")))?.[0] ?? null;

function isInline(value) {
  const head = DATA.exec(value)?.[0];
  if (!head) return false;
  // Searching for what must not be there takes no stack, however many megabytes there are.
  const body = value.slice(head.length).replace(/={1,2}$/, "");
  return body.length > 0 && body.search(/[^A-Za-z0-9+/]/) === -1;
}
