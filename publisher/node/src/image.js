/** Images of a request: the values of their fields, and the limits of the bus. */

import { invalid } from "./invalid.js";
import { SPACES } from "./text.js";

const REFERENCES_AT_MOST = 3;
const CHARACTERS_AT_MOST = 28_000_000;
const ON_BUS_AT_MOST_BYTES = 7_000_000;
export const IMAGE_AT_MOST_BYTES = 20_000_000;
const DATA = /^data:image\/(?:png|jpeg|webp);base64,/;
const ANY_DATA = /^[\0-\x20]*data:/i;
const BUCKET = new RegExp(`^gs://[a-z0-9][a-z0-9._-]{1,220}/[^${SPACES}]{1,1024}$`, "u");
const STORED = /^reelbus:references\/[0-9a-f]{64}\.(?:png|jpg|webp)$/;
const KINDS = [
  ["image/png", (start) => start.startsWith("\x89PNG\r\n\x1a\n")],
  ["image/jpeg", (start) => start.startsWith("\xff\xd8\xff")],
  ["image/webp", (start) => start.startsWith("RIFF") && start.slice(8, 12) === "WEBP"],
];

/** The checked reference. A data: URL that only browsers would accept gets the form that the bus requires. */
export function reference(path, value) {
  if (typeof value !== "string") throw invalid(path, "must be a text");
  if (value.length > CHARACTERS_AT_MOST) {
    throw invalid(path, `must have at most ${CHARACTERS_AT_MOST} characters, not ${value.length}`);
  }
  if (isInline(value) || BUCKET.test(value) || STORED.test(value)) return value;
  const plain = plainDataUrl(value);
  if (!plain) throw invalid(path, "must be a data: URL (base64 PNG, JPEG or WebP) or a gs://bucket/object URI");
  return plain;
}

/** The checked list of references; undefined if it is empty, which is as good as none. */
export function references(path, values) {
  if (!Array.isArray(values)) throw invalid(path, "must be a list");
  if (values.length > REFERENCES_AT_MOST) {
    throw invalid(path, `must have at most ${REFERENCES_AT_MOST} entries, not ${values.length}`);
  }
  return values.length ? values.map((value, index) => reference(`${path}.${index}`, value)) : undefined;
}

/**
 * Throws if the bus can't carry the inline images of a request, or if one is no image. The worker would reject the
 * message.
 */
export function checkForBus(request) {
  const lists = (request.reference_images ?? []).map((value, index) => [`reference_images.${index}`, value]);
  const given = [["reference_image", request.reference_image], ["last_image", request.last_image], ...lists];
  let total = 0;
  for (const [path, value] of given) {
    if (!value?.startsWith("data:")) continue;
    const encoded = value.slice(value.indexOf(",") + 1);
    const bytes = Buffer.from(encoded, "base64");
    const isFirst = total === 0;
    total += bytes.length;
    if (total > ON_BUS_AT_MOST_BYTES) {
      const limit = `${ON_BUS_AT_MOST_BYTES.toLocaleString("en-US")} bytes on the bus`;
      const together = isFirst ? "" : " with the images before it";
      throw invalid(
        path,
        `must have at most ${limit}${together}, not ${total.toLocaleString("en-US")}; send a larger one by HTTP or as a gs:// address`,
      );
    }
    if (encoded.length % 4 !== 0) throw invalid(path, "must be valid base64");
    if (!kindOf(bytes)) throw invalid(path, "must be a PNG, JPEG or WebP image; its bytes are something else");
  }
}

/** The media type of an image, by its first bytes; null if it is no image. */
export const kindOf = (bytes) => KINDS.find(([, fits]) => fits(bytes.subarray(0, 12).toString("latin1")))?.[0] ?? null;

function isInline(value) {
  const head = DATA.exec(value)?.[0];
  if (!head) return false;
  // A search for a forbidden character needs no stack, whatever the length.
  const body = value.slice(head.length).replace(/={1,2}$/, "");
  return body.length > 0 && (value.length - head.length) % 4 === 0 && body.search(/[^A-Za-z0-9+/]/) === -1;
}

/** The image that WHATWG's data: URL processor reads, as `data:image/…;base64,…`; null if it is none. */
export function plainDataUrl(value) {
  if (!ANY_DATA.test(value)) return null;
  const [url] = value.slice(value.indexOf(":") + 1).split("#", 1);
  const comma = url.indexOf(",");
  if (comma < 0) return null;
  const head = url
    .slice(0, comma)
    .replace(/[\t\n\r]/g, "")
    .trim();
  const body = percentDecoded(
    Buffer.from(
      url
        .slice(comma + 1)
        .replace(/[\t\n\r]/g, "")
        .trimEnd(),
    ),
  );
  const bytes = /; *base64$/i.test(head) ? forgivingBase64(body.toString("latin1")) : body;
  const kind = bytes && kindOf(bytes);
  return kind ? `data:${kind};base64,${bytes.toString("base64")}` : null;
}

function percentDecoded(bytes) {
  if (!bytes.includes("%")) return bytes;
  const decoded = Buffer.alloc(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const digits = bytes[at] === 0x25 ? bytes.toString("latin1", at + 1, at + 3) : "";
    const isEscape = /^[0-9A-Fa-f]{2}$/.test(digits);
    decoded[length] = isEscape ? parseInt(digits, 16) : bytes[at];
    length += 1;
    if (isEscape) at += 2;
  }
  return decoded.subarray(0, length);
}

function forgivingBase64(text) {
  const digits = text.replace(/[\t\n\f\r ]/g, "");
  const unpadded = digits.length % 4 === 0 ? digits.replace(/={1,2}$/, "") : digits;
  const isBase64 = unpadded.length % 4 !== 1 && unpadded.search(/[^A-Za-z0-9+/]/) === -1;
  return isBase64 ? Buffer.from(unpadded, "base64") : null;
}
