/**
 * reelbus behind the functions of `api/services/videoGenerationService.js`: this file alone takes that one's place.
 *
 * Made by scripts/bundle.js from src/; do not edit. SPDX-License-Identifier: Apache-2.0
 *
 * Part of it is eventsource-parser:
 *
 * MIT License
 *
 * Copyright (c) 2026 Espen Hovlandsdal <espen@hovlandsdal.com>
 *
 * Permission is hereby granted, free of charge, to any person obtaining a copy
 * of this software and associated documentation files (the "Software"), to deal
 * in the Software without restriction, including without limitation the rights
 * to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
 * copies of the Software, and to permit persons to whom the Software is
 * furnished to do so, subject to the following conditions:
 *
 * The above copyright notice and this permission notice shall be included in all
 * copies or substantial portions of the Software.
 *
 * THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
 * IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
 * FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
 * AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
 * LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
 * OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
 * SOFTWARE.
 */
var STATUS_OF = {
  invalid_request: 400,
  budget: 403,
  not_found: 404,
  cancelled: 409,
  conflict: 409,
  expired: 410,
  safety_filter: 422,
  quota: 429,
  capacity: 503,
  timeout: 500,
  upstream: 500,
  storage: 500,
  auth: 500,
  internal: 500,
};
var PREFIXES = {
  400: "Invalid request: ",
  404: "Not found: ",
  500: "Server error during video generation: ",
};
var ReelbusError = class extends Error {
  constructor(message2, facts = {}) {
    super(message2, facts.cause === void 0 ? void 0 : { cause: facts.cause });
    this.name = "ReelbusError";
    this.category = facts.category ?? "internal";
    this.code = facts.code ?? "internal_error";
    this.field = facts.field ?? null;
    this.retryable = facts.retryable ?? false;
    this.charged = facts.charged ?? "no";
    this.videoId = facts.videoId ?? null;
    this.status = facts.status === void 0 ? (STATUS_OF[this.category] ?? 500) : facts.status;
    this.retryAfterMs = facts.retryAfterMs ?? null;
    this.retryAfter = this.retryAfterMs === null ? null : Math.ceil(this.retryAfterMs / 1e3);
    this.detail = facts.detail ?? (PREFIXES[this.status] ?? "") + message2;
  }
};
var NO_REASON = { code: "no_reason", message: "The record of the job has no reason." };
function failureOf(failure, videoId, more = {}) {
  const { category, code, message: message2, retryable, charged, field } = failure ?? NO_REASON;
  return new ReelbusError(message2, { category, code, retryable, charged, field, videoId, ...more });
}
function erased(videoId) {
  const message2 = `job ${videoId} was erased; a new video needs a new id`;
  const facts = { category: "not_found", code: "erased", status: 410, detail: `Gone: ${message2}` };
  return new ReelbusError(message2, { ...facts, videoId });
}
function unreachable(message2, { cause, videoId, sent = true } = {}) {
  return new ReelbusError(message2, {
    category: "upstream",
    code: "unreachable",
    retryable: true,
    charged: sent ? "unknown" : "no",
    status: null,
    detail: message2,
    videoId,
    cause,
  });
}

function invalid(path, words) {
  return new ReelbusError(path ? `${path} ${words}` : words, {
    category: "invalid_request",
    code: "invalid_request",
    field: path || null,
  });
}

var BLANK = "[\\t\\n\\v\\f\\r \\u00a0]";
var RUNS = new RegExp(`${BLANK}+`, "g");
var ENDS = new RegExp(`^${BLANK}+|${BLANK}+$`, "g");
var SPACES = "\\x00-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
var stripped = (text2) => text2.replace(ENDS, "");
var cleaned = (text2) => (text2 ?? "").replace(RUNS, " ").replace(/^ | $/g, "");
var blankless = (text2) => text2.replace(RUNS, "");
function lengthOf(text2) {
  let length = 0;
  for (const _ of text2) length += 1;
  return length;
}
var firstOf = (text2, count) =>
  Array.from(text2.slice(0, 2 * count))
    .slice(0, count)
    .join("");

var NUMBER = /^ *-?[0-9]{1,20}(?:\.[0-9]{1,30})? *$/;
var NOISE = 1e-6;
var AMOUNT = /^\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?\s*$/i;
var NO_NUMBER = /^\s*[+-]?(?:nan|inf|infinity)\s*$/i;
var USD_AT_MOST = 1e9;
function text(atMost, atLeast = 0) {
  return (path, value) => {
    if (typeof value !== "string") throw invalid(path, "must be a text");
    if (!value.isWellFormed()) throw invalid(path, "must be valid Unicode");
    const length = lengthOf(value);
    if (length < atLeast) throw invalid(path, `must have at least ${atLeast} characters, not ${length}`);
    if (length > atMost) throw invalid(path, `must have at most ${atMost} characters, not ${length}`);
    return value;
  };
}
function pattern(form, words) {
  return (path, value) => {
    if (typeof value !== "string") throw invalid(path, "must be a text");
    if (!value.isWellFormed()) throw invalid(path, "must be valid Unicode");
    if (!form.test(value)) throw invalid(path, withLength(words, lengthOf(value)));
    return value;
  };
}
var LENGTHS = /^must have (?:a key of )?(?:([0-9]+) to |at most )([0-9]+) /;
function withLength(words, length) {
  const [, atLeast = 0, atMost] = LENGTHS.exec(words) ?? [];
  return atMost && (length < atLeast || length > atMost) ? `${words}; its length is ${length}` : words;
}
function shown(value) {
  const text2 = String(value);
  return text2.length <= 24 ? text2 : `${text2.slice(0, 24)}…`;
}
function whole(atLeast, atMost) {
  return (path, value) => {
    const given = typeof value === "string" && NUMBER.test(value) ? Number(value) : value;
    if (!Number.isFinite(given) || Math.abs(given - Math.round(given)) >= NOISE) {
      throw invalid(path, "must be a whole number");
    }
    const number = Math.round(given) + 0;
    if (number < atLeast) throw invalid(path, `must be at least ${atLeast}, not ${shown(number)}`);
    if (number > atMost) throw invalid(path, `must be at most ${atMost}, not ${shown(number)}`);
    return number;
  };
}
function oneOf(...words) {
  const quoted = words.map((word) => `'${word}'`);
  const told2 = `${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`;
  return (path, value) => {
    if (!words.includes(value)) throw invalid(path, `must be ${told2}`);
    return value;
  };
}
function flag(path, value) {
  if (typeof value !== "boolean") throw invalid(path, "must be true or false");
  return value;
}
function usd(path, value) {
  if (typeof value === "string" && NO_NUMBER.test(value)) throw invalid(path, "must be a finite number");
  const amount = typeof value === "string" && AMOUNT.test(value) ? Number(value) : value;
  if (typeof amount !== "number") throw invalid(path, "must be an amount in US dollars");
  if (typeof value === "number" && !Number.isFinite(value)) throw invalid(path, "must be a finite number");
  if (amount < 0) throw invalid(path, `must be at least 0, not ${shown(value)}`);
  if (amount > USD_AT_MOST) throw invalid(path, `must be at most ${USD_AT_MOST}, not ${shown(value)}`);
  return amount;
}
function moment(path, value) {
  const given = value instanceof Date && !Number.isNaN(value.getTime()) ? value.toISOString() : value;
  if (typeof given !== "string" || !/^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ].+$/.test(given)) {
    throw invalid(path, "must be a moment with a time zone, for example 2026-01-31T12:00:00Z");
  }
  const parts = MOMENT.exec(given);
  if (!parts || !isOnTheCalendar(parts)) throw invalid(path, "must be a moment, for example 2026-01-31T12:00:00Z");
  if (!parts[8]) throw invalid(path, "must name a time zone, for example 2026-01-31T12:00:00Z");
  const at = new Date(utcOf(parts) - offsetOf(parts[8]));
  if (at.getUTCFullYear() < 1 || at.getUTCFullYear() > 9999) {
    throw invalid(path, "must be between the years 1 and 9999 in UTC");
  }
  return at.toISOString();
}
var MOMENT =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|z|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?$/;
function isOnTheCalendar([, year, month, day, hour, minute, second = "0"]) {
  if (Number(year) < 1 || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return false;
  const date = /* @__PURE__ */ new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  return date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
}
function utcOf([, year, month, day, hour, minute, second = "0", fraction = ""]) {
  const date = /* @__PURE__ */ new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  return date.setUTCHours(Number(hour), Number(minute), Number(second), Number(fraction.padEnd(3, "0").slice(0, 3)));
}
function offsetOf(zone) {
  if (zone.toUpperCase() === "Z") return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
  return (zone[0] === "-" ? -1 : 1) * minutes * 6e4;
}
function labels(path, value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw invalid(path, "must be an object");
  const entries = Object.entries(value).filter(([, label]) => label !== void 0);
  for (const [key, label] of entries) {
    LABEL_KEY(`${path}.${key}`, key);
    LABEL_VALUE(`${path}.${key}`, label);
  }
  if (entries.length > 32) throw invalid(path, `must have at most 32 entries, not ${entries.length}`);
  return Object.fromEntries(entries);
}
var LABEL_KEY = pattern(
  /^[a-z][a-z0-9_-]{0,62}$/,
  "must have a key of 1 to 63 small letters, digits, hyphens and underscores that begins with a letter",
);
var LABEL_VALUE = pattern(/^[a-z0-9_-]{0,63}$/, "must have at most 63 small letters, digits, hyphens and underscores");

var SNAKE = /^[a-z0-9]+(?:_[a-z0-9]+)+$/;
var OPAQUE = /* @__PURE__ */ new Set(["labels", "attributes", "body", "scene"]);
var camelOf = (name) => name.replace(/_([a-z0-9])/g, (_, letter2) => letter2.toUpperCase());
var snakeOf = (name) => name.replace(/[A-Z]/g, (letter2) => `_${letter2.toLowerCase()}`);
function withBothNames(value) {
  if (Array.isArray(value)) return value.map(withBothNames);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).flatMap(([name, part]) => {
    const named = OPAQUE.has(name) ? part : withBothNames(part);
    return SNAKE.test(name)
      ? [
          [name, named],
          [camelOf(name), named],
        ]
      : [[name, named]];
  });
  return Object.fromEntries(entries);
}
function withOldNames(value) {
  if (Array.isArray(value)) return value.map(withOldNames);
  if (value === null || typeof value !== "object") return value;
  const added = new Set(
    Object.keys(value)
      .filter((name) => SNAKE.test(name))
      .map(camelOf),
  );
  const kept2 = Object.entries(value).filter(([name]) => !added.has(name));
  return Object.fromEntries(kept2.map(([name, part]) => [name, OPAQUE.has(name) ? part : withOldNames(part)]));
}
function withWireNames(given, names) {
  if (given === null || typeof given !== "object" || Array.isArray(given)) return given;
  const wireNames = new Map(names.filter((name) => SNAKE.test(name)).map((name) => [camelOf(name), name]));
  const renamed = {};
  for (const [name, value] of Object.entries(given)) {
    const wireName = wireNames.get(name) ?? name;
    if (wireName !== name && (given[wireName] ?? null) !== null && (value ?? null) !== null) {
      throw invalid(wireName, `is given twice, also as ${name}`);
    }
    if (wireName === name || (value ?? null) !== null) renamed[wireName] = value;
  }
  return renamed;
}
function withApiNames(given) {
  if (Array.isArray(given)) return given.map(withApiNames);
  if (given === null || typeof given !== "object" || typeof given.toJSON === "function") return given;
  const named = withWireNames(given, Object.keys(given).map(snakeOf));
  return Object.fromEntries(
    Object.entries(named).map(([name, part]) => [name, OPAQUE.has(name) ? part : withApiNames(part)]),
  );
}

var MICROS_PER_SECOND = 1e6;
var NUMBER2 = String.raw`([0-9]{1,5})(?:\.([0-9]{1,30}))?(?:e-([0-9]{1,3}))?`;
var SECONDS = `${NUMBER2}(?:s|sec|secs|second|seconds)?`;
var CLOCK = `(?:([0-9]{1,2}):)?([0-9]{1,3}):${NUMBER2}s?`;
var TIME = `(?:${SECONDS}|${CLOCK})`;
var ONE = new RegExp(`^${TIME}$`);
var RANGE = new RegExp(`^${TIME}(?:-|–|—|to)${TIME}$`, "u");
var FINE = /\.[0-9]{7}|e-/;
var LONGEST = 100;
var UPPER_LIMIT = 1e5;
function microsOf(time) {
  const match = ONE.exec(plain(time));
  if (typeof time === "number" && time <= 0 && time > -0.5 / MICROS_PER_SECOND) return 0;
  const found = match && read(match.slice(1));
  if (found === null || (typeof time === "number" && found >= UPPER_LIMIT * MICROS_PER_SECOND)) {
    throw new RangeError(complaint(time));
  }
  return found;
}
function spanOf(time) {
  const match = typeof time === "string" ? RANGE.exec(plain(time)) : null;
  return match && [read(match.slice(1, 9)), read(match.slice(9))];
}
function normalized(time) {
  const both = spanOf(time) ?? [microsOf(time)];
  return FINE.test(plain(time)) ? both.map(decimal).join("-") : time;
}
function plain(time) {
  const text2 = written(time);
  return Array.from(text2).length <= LONGEST ? blankless(text2).toLowerCase() : "";
}
function read([whole2, fraction, exponent, hours, minutes, ...seconds]) {
  if (whole2 !== void 0) return micros(whole2, fraction, exponent);
  return (Number(hours ?? 0) * 60 + Number(minutes)) * 60 * MICROS_PER_SECOND + micros(...seconds);
}
function micros(whole2, fraction = "", exponent = "0") {
  const digits = "0".repeat(Number(exponent)) + whole2 + fraction;
  const behind = digits.slice(whole2.length).padEnd(7, "0");
  return (
    Number(digits.slice(0, whole2.length)) * MICROS_PER_SECOND + Number(behind.slice(0, 6)) + (behind[6] >= "5" ? 1 : 0)
  );
}
function decimal(micros2) {
  const fraction = String(micros2 % MICROS_PER_SECOND).padStart(6, "0");
  return `${Math.floor(micros2 / MICROS_PER_SECOND)}.${fraction}`.replace(/\.?0+$/, "");
}
function written(time) {
  if (typeof time !== "number" || time === 0 || Math.abs(time) >= 1e-4) return String(time);
  return time.toExponential().replace(/e-(\d)$/, "e-0$1");
}
var complaint = (time) => `must be a time such as 8s, 0:08 or 8, not ${JSON.stringify(firstOf(written(time), 40))}`;

var VISIBLE = /[\p{L}\p{N}\p{P}\p{S}\p{Cn}]/gu;
var INVISIBLE =
  /[\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u2800\ufff0-\ufff8\ufffc\u{1d159}\u{e0000}-\u{e0fff}]/u;
function hasVisibleText(text2) {
  for (const [char] of text2.matchAll(VISIBLE)) {
    if (!INVISIBLE.test(char)) return true;
  }
  return false;
}

var LABELS = {
  title: "",
  description: "",
  visual: "Visual: ",
  cameraFlow: "Camera: ",
  script: "Voice-over: ",
  backgroundMusic: "Music: ",
};
var SENTENCE_END = /[.!?…。！？]$/u;
var TEXT_KEYS = Object.keys(LABELS);
var SCENE_KEYS = [...TEXT_KEYS, "timeStart", "timeEnd"];
function buildPrompt(scene) {
  return Object.entries(LABELS)
    .map(([name, label]) => [label, cleaned(scene[name])])
    .filter(([, words]) => words)
    .map(([label, words]) => label + (SENTENCE_END.test(words) ? words : `${words}.`))
    .join(" ");
}
var hasVisibleTexts = (scene) => Object.keys(LABELS).some((name) => hasVisibleText(scene[name] ?? ""));
function durationOf(scene) {
  const end = endOf(scene.timeEnd);
  return end === null ? null : Math.ceil((end - startOf(scene.timeStart, scene.timeEnd)) / MICROS_PER_SECOND);
}
function checkedScene(scene) {
  if (scene === null || typeof scene !== "object" || Array.isArray(scene)) throw invalid("scene", "must be an object");
  for (const name of Object.keys(LABELS)) {
    if (there(scene[name], false)) text(2e3)(`scene.${name}`, scene[name]);
  }
  const times = {
    timeStart: checkedTime("timeStart", scene.timeStart),
    timeEnd: checkedTime("timeEnd", scene.timeEnd),
  };
  const end = endOf(scene.timeEnd);
  if (end !== null && end <= startOf(scene.timeStart, scene.timeEnd)) {
    throw invalid("scene.timeEnd", "must be after the scene's start");
  }
  const unknown = Object.keys(scene).find((name) => !SCENE_KEYS.includes(name) && scene[name] !== void 0);
  if (unknown !== void 0) throw invalid(`scene.${unknown}`, "is not a known key");
  const changed = Object.entries(times).filter(([name, time]) => time !== scene[name]);
  return changed.length ? { ...scene, ...Object.fromEntries(changed) } : scene;
}
function checkedTime(name, time) {
  if (time === null || time === void 0) return time;
  const path = `scene.${name}`;
  if (typeof time !== "string" && !Number.isFinite(time)) throw invalid(path, "must be a time such as 8s, 0:08 or 8");
  try {
    return there(time) ? normalized(time) : time;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw invalid(path, error.message);
  }
}
function endOf(time) {
  if (!there(time)) return null;
  return spanOf(time)?.[1] ?? microsOf(time);
}
function startOf(timeStart, timeEnd) {
  if (there(timeEnd)) {
    const both = spanOf(timeEnd);
    if (both) return both[0];
  }
  if (!there(timeStart)) return 0;
  return spanOf(timeStart)?.[0] ?? microsOf(timeStart);
}
function there(value, blanksCount = true) {
  return value !== null && value !== void 0 && !(blanksCount && typeof value === "string" && !cleaned(value));
}

import { setTimeout as delay } from "node:timers/promises";
var FIRST_MS = 250;
var AT_MOST_MS = 5e3;
var RETRY_AFTER_AT_MOST_MS = 6e4;
async function sleep(ms, signal) {
  signal?.throwIfAborted();
  await delay(ms, void 0, { signal }).catch((error) => {
    signal?.throwIfAborted();
    throw error;
  });
}
var Patience = class {
  #atMostMs;
  #heardAt = performance.now();
  #next = FIRST_MS;
  constructor(atMostMs) {
    this.#atMostMs = atMostMs;
  }
  /** Notes an answer that helped: the next pause is short again. */
  heard() {
    this.#heardAt = performance.now();
    this.#next = FIRST_MS;
  }
  /** Waits before the next try: as the server asked, or longer each time. Throws `error` at the end. */
  async pause(error, signal, retryAfterMs2 = null) {
    if (performance.now() - this.#heardAt > this.#atMostMs) throw error;
    const ms = Math.min(retryAfterMs2 ?? this.#next * (0.5 + Math.random() / 2), RETRY_AFTER_AT_MOST_MS);
    this.#next = Math.min(this.#next * 2, AT_MOST_MS);
    await sleep(ms, signal);
  }
};
function retryAfterMs(header, now = Date.now()) {
  if (!header) return null;
  if (/^[0-9]+$/.test(header)) return Number(header) * 1e3;
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}

var WORDS = {
  ECONNREFUSED: "Connection refused",
  ECONNRESET: "Connection reset",
  ENOTFOUND: "Name not found",
  EAI_AGAIN: "Name not found",
  ETIMEDOUT: "Connection timed out",
  UND_ERR_CONNECT_TIMEOUT: "Connection timed out",
  UND_ERR_HEADERS_TIMEOUT: "No answer in time",
  UND_ERR_SOCKET: "Connection closed",
};
var NEVER_SENT = /* @__PURE__ */ new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"]);
var MARGIN_MS = 15e3;
var Caller = class {
  #base;
  #headers;
  constructor(url, apiKey) {
    this.#base = url.replace(/\/+$/, "");
    this.#headers = apiKey ? { authorization: `Bearer ${apiKey}` } : {};
  }
  /** `{status, statusText, body, retryAfterMs}`; `body` is null if it is not JSON. `waitMs`: the longest wait. */
  async call(method, path, { signal, waitMs = 0, ...more }) {
    const limit = AbortSignal.timeout(waitMs + MARGIN_MS);
    const both = signal ? AbortSignal.any([signal, limit]) : limit;
    const response = await this.open(method, path, { ...more, signal: both, caller: signal });
    return await this.answerOf(response, signal, more.videoId);
  }
  /** The response, before its body is read. `caller` is the signal of the caller. */
  async open(method, path, { body: body2, headers, signal, caller, videoId }) {
    const more = body2 === void 0 ? {} : { "content-type": "application/json" };
    const all = { ...this.#headers, ...more, ...headers };
    try {
      return await fetch(this.#base + path, { method, body: body2, signal, headers: all });
    } catch (error) {
      throw lost(error, caller, videoId);
    }
  }
  /** The whole body of a response. */
  async answerOf(response, signal, videoId) {
    try {
      return {
        status: response.status,
        statusText: response.statusText,
        body: parsed(await response.text()),
        retryAfterMs: retryAfterMs(response.headers.get("retry-after")),
      };
    } catch (error) {
      throw lost(error, signal, videoId);
    }
  }
  /** The parts of a body, as they arrive. */
  async *chunks(response, signal, videoId) {
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read().catch((error) => {
        throw lost(error, signal, videoId);
      });
      if (done) return;
      yield value;
    }
  }
};
function refusalOf({ status, statusText, body: body2, retryAfterMs: retryAfterMs2 }, videoId) {
  const words = typeof body2?.detail === "string" ? body2.detail : statusText || "no reason was given";
  const mayExist = status >= 500 && body2?.error?.charged !== "no";
  const error = body2?.error?.category
    ? failureOf(body2.error, body2.video_id ?? (mayExist ? videoId : null), {
        status,
        detail: words,
        retryAfterMs: retryAfterMs2,
      })
    : new ReelbusError(`the server answered ${status}: ${words}`, {
        category: "upstream",
        code: "unexpected_answer",
        retryable: status >= 500,
        charged: status >= 500 ? "unknown" : "no",
        videoId,
        status,
        detail: words,
        retryAfterMs: retryAfterMs2,
      });
  return body2?.payments ? Object.assign(error, { priceUsd: body2.price_usd, payments: body2.payments }) : error;
}
function lost(error, signal, videoId) {
  if (signal?.aborted) return signal.reason;
  if (error.name === "TimeoutError") return unreachable("fetch failed (No answer in time)", { cause: error, videoId });
  if (!(error instanceof TypeError)) return error;
  const code = error.cause?.code ?? error.cause?.errors?.[0]?.code;
  const words = WORDS[code] ?? (error.cause?.message || error.message);
  return unreachable(`fetch failed (${words})`, {
    cause: error,
    videoId,
    sent: code !== void 0 && !NEVER_SENT.has(code),
  });
}
function parsed(text2) {
  try {
    return withBothNames(JSON.parse(text2));
  } catch {
    return null;
  }
}

var ParseError = class extends Error {
  constructor(message2, options) {
    (super(message2),
      (this.name = "ParseError"),
      (this.type = options.type),
      (this.field = options.field),
      (this.value = options.value),
      (this.line = options.line));
  }
};
var LF = 10;
var CR = 13;
var SPACE = 32;
function noop(_arg) {}
function createParser(config) {
  if (typeof config == "function")
    throw new TypeError(
      "`config` must be an object, got a function instead. Did you mean `createParser({onEvent: fn})`?",
    );
  const { onEvent = noop, onError = noop, onRetry = noop, onComment, maxBufferSize } = config,
    pendingFragments = [];
  let pendingFragmentsLength = 0,
    isFirstChunk = true,
    id,
    data = "",
    dataLines = 0,
    eventType,
    terminated = false;
  function feed(chunk) {
    if (terminated)
      throw new Error(
        "Cannot feed parser: it was terminated after exceeding the configured max buffer size. Call `reset()` to resume parsing.",
      );
    if (
      (isFirstChunk &&
        ((isFirstChunk = false),
        chunk.charCodeAt(0) === 239 &&
          chunk.charCodeAt(1) === 187 &&
          chunk.charCodeAt(2) === 191 &&
          (chunk = chunk.slice(3))),
      pendingFragments.length === 0)
    ) {
      const trailing2 = processLines(chunk);
      (trailing2 !== "" && (pendingFragments.push(trailing2), (pendingFragmentsLength = trailing2.length)),
        checkBufferSize());
      return;
    }
    if (
      chunk.indexOf(`
`) === -1 &&
      chunk.indexOf("\r") === -1
    ) {
      (pendingFragments.push(chunk), (pendingFragmentsLength += chunk.length), checkBufferSize());
      return;
    }
    pendingFragments.push(chunk);
    const input = pendingFragments.join("");
    ((pendingFragments.length = 0), (pendingFragmentsLength = 0));
    const trailing = processLines(input);
    (trailing !== "" && (pendingFragments.push(trailing), (pendingFragmentsLength = trailing.length)),
      checkBufferSize());
  }
  function checkBufferSize() {
    maxBufferSize !== void 0 &&
      (pendingFragmentsLength + data.length <= maxBufferSize ||
        ((terminated = true),
        (pendingFragments.length = 0),
        (pendingFragmentsLength = 0),
        (id = void 0),
        (data = ""),
        (dataLines = 0),
        (eventType = void 0),
        onError(
          new ParseError(`Buffered data exceeded max buffer size of ${maxBufferSize} characters`, {
            type: "max-buffer-size-exceeded",
          }),
        )));
  }
  function processLines(chunk) {
    let searchIndex = 0;
    if (chunk.indexOf("\r") === -1) {
      let lfIndex = chunk.indexOf(
        `
`,
        searchIndex,
      );
      for (; lfIndex !== -1;) {
        if (searchIndex === lfIndex) {
          (dataLines > 0 && onEvent({ id, event: eventType, data }),
            (id = void 0),
            (data = ""),
            (dataLines = 0),
            (eventType = void 0),
            (searchIndex = lfIndex + 1),
            (lfIndex = chunk.indexOf(
              `
`,
              searchIndex,
            )));
          continue;
        }
        const firstCharCode = chunk.charCodeAt(searchIndex);
        if (isDataPrefix(chunk, searchIndex, firstCharCode)) {
          const valueStart = chunk.charCodeAt(searchIndex + 5) === SPACE ? searchIndex + 6 : searchIndex + 5,
            value = chunk.slice(valueStart, lfIndex);
          if (dataLines === 0 && chunk.charCodeAt(lfIndex + 1) === LF) {
            (onEvent({ id, event: eventType, data: value }),
              (id = void 0),
              (data = ""),
              (eventType = void 0),
              (searchIndex = lfIndex + 2),
              (lfIndex = chunk.indexOf(
                `
`,
                searchIndex,
              )));
            continue;
          }
          ((data =
            dataLines === 0
              ? value
              : `${data}
${value}`),
            dataLines++);
        } else
          isEventPrefix(chunk, searchIndex, firstCharCode)
            ? (eventType =
                chunk.slice(chunk.charCodeAt(searchIndex + 6) === SPACE ? searchIndex + 7 : searchIndex + 6, lfIndex) ||
                void 0)
            : parseLine(chunk, searchIndex, lfIndex);
        ((searchIndex = lfIndex + 1),
          (lfIndex = chunk.indexOf(
            `
`,
            searchIndex,
          )));
      }
      return chunk.slice(searchIndex);
    }
    for (; searchIndex < chunk.length;) {
      const crIndex = chunk.indexOf("\r", searchIndex),
        lfIndex = chunk.indexOf(
          `
`,
          searchIndex,
        );
      let lineEnd = -1;
      if (
        (crIndex !== -1 && lfIndex !== -1
          ? (lineEnd = crIndex < lfIndex ? crIndex : lfIndex)
          : crIndex !== -1
            ? crIndex === chunk.length - 1
              ? (lineEnd = -1)
              : (lineEnd = crIndex)
            : lfIndex !== -1 && (lineEnd = lfIndex),
        lineEnd === -1)
      )
        break;
      (parseLine(chunk, searchIndex, lineEnd),
        (searchIndex = lineEnd + 1),
        chunk.charCodeAt(searchIndex - 1) === CR && chunk.charCodeAt(searchIndex) === LF && searchIndex++);
    }
    return chunk.slice(searchIndex);
  }
  function parseLine(chunk, start, end) {
    if (start === end) {
      dispatchEvent();
      return;
    }
    const firstCharCode = chunk.charCodeAt(start);
    if (isDataPrefix(chunk, start, firstCharCode)) {
      const valueStart = chunk.charCodeAt(start + 5) === SPACE ? start + 6 : start + 5,
        value2 = chunk.slice(valueStart, end);
      ((data =
        dataLines === 0
          ? value2
          : `${data}
${value2}`),
        dataLines++);
      return;
    }
    if (isEventPrefix(chunk, start, firstCharCode)) {
      eventType = chunk.slice(chunk.charCodeAt(start + 6) === SPACE ? start + 7 : start + 6, end) || void 0;
      return;
    }
    if (firstCharCode === 105 && chunk.charCodeAt(start + 1) === 100 && chunk.charCodeAt(start + 2) === 58) {
      const value2 = chunk.slice(chunk.charCodeAt(start + 3) === SPACE ? start + 4 : start + 3, end);
      value2.includes("\0") || (id = value2);
      return;
    }
    if (firstCharCode === 58) {
      if (onComment) {
        const line2 = chunk.slice(start, end);
        onComment(line2.slice(chunk.charCodeAt(start + 1) === SPACE ? 2 : 1));
      }
      return;
    }
    const line = chunk.slice(start, end),
      fieldSeparatorIndex = line.indexOf(":");
    if (fieldSeparatorIndex === -1) {
      processField(line, "", line);
      return;
    }
    const field = line.slice(0, fieldSeparatorIndex),
      offset = line.charCodeAt(fieldSeparatorIndex + 1) === SPACE ? 2 : 1,
      value = line.slice(fieldSeparatorIndex + offset);
    processField(field, value, line);
  }
  function processField(field, value, line) {
    switch (field) {
      case "event":
        eventType = value || void 0;
        break;
      case "data":
        ((data =
          dataLines === 0
            ? value
            : `${data}
${value}`),
          dataLines++);
        break;
      case "id":
        value.includes("\0") || (id = value);
        break;
      case "retry":
        /^\d+$/.test(value)
          ? onRetry(parseInt(value, 10))
          : onError(
              new ParseError(`Invalid \`retry\` value: "${value}"`, {
                type: "invalid-retry",
                value,
                line,
              }),
            );
        break;
      default:
        onError(
          new ParseError(`Unknown field "${field.length > 20 ? `${field.slice(0, 20)}…` : field}"`, {
            type: "unknown-field",
            field,
            value,
            line,
          }),
        );
        break;
    }
  }
  function dispatchEvent() {
    (dataLines > 0 &&
      onEvent({
        id,
        event: eventType,
        data,
      }),
      (id = void 0),
      (data = ""),
      (dataLines = 0),
      (eventType = void 0));
  }
  function reset(options = {}) {
    if (options.consume && pendingFragments.length > 0) {
      const incompleteLine = pendingFragments.join("");
      parseLine(incompleteLine, 0, incompleteLine.length);
    }
    ((isFirstChunk = true),
      (id = void 0),
      (data = ""),
      (dataLines = 0),
      (eventType = void 0),
      (pendingFragments.length = 0),
      (pendingFragmentsLength = 0),
      (terminated = false));
  }
  return { feed, reset };
}
function isDataPrefix(chunk, i, firstCharCode) {
  return (
    firstCharCode === 100 &&
    chunk.charCodeAt(i + 1) === 97 &&
    chunk.charCodeAt(i + 2) === 116 &&
    chunk.charCodeAt(i + 3) === 97 &&
    chunk.charCodeAt(i + 4) === 58
  );
}
function isEventPrefix(chunk, i, firstCharCode) {
  return (
    firstCharCode === 101 &&
    chunk.charCodeAt(i + 1) === 118 &&
    chunk.charCodeAt(i + 2) === 101 &&
    chunk.charCodeAt(i + 3) === 110 &&
    chunk.charCodeAt(i + 4) === 116 &&
    chunk.charCodeAt(i + 5) === 58
  );
}

var SILENCE_MS = 45e3;
var AGAIN_MS = 500;
var TOLD = ["state", "progress"];
async function follow(caller, videoId, listener, patience, signal) {
  for await (const { event: event2, data } of news(caller, videoId, patience, signal)) {
    if (event2 === "done") return data;
    listener({ event: event2, ...data });
  }
  throw new Error("unreachable: the news go on until the job is done");
}
async function* news(caller, videoId, patience, signal) {
  let lastId = null;
  let heard2 = false;
  for (;;) {
    try {
      const here = () => {
        patience.heard();
        heard2 = true;
      };
      for await (const told2 of stream(caller, videoId, lastId, signal, here)) {
        lastId = told2.id ?? lastId;
        yield told2;
      }
      await sleep(AGAIN_MS, signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error.code === "unreachable" && heard2) && !(error.status >= 502)) throw error;
      await patience.pause(error, signal, error.retryAfterMs);
    }
  }
}
async function* stream(caller, videoId, lastId, signal, here) {
  const silence = new AbortController();
  const quiet = setTimeout(() => silence.abort(new DOMException("no heartbeat", "TimeoutError")), SILENCE_MS);
  try {
    const response = await caller.open("GET", `/api/videos/${videoId}/events`, {
      headers: { accept: "text/event-stream", ...(lastId && { "last-event-id": lastId }) },
      signal: signal ? AbortSignal.any([signal, silence.signal]) : silence.signal,
      caller: signal,
      videoId,
    });
    if (!response.ok) throw refusalOf(await caller.answerOf(response, signal, videoId), videoId);
    yield* events(caller.chunks(response, signal, videoId), quiet, here);
  } finally {
    clearTimeout(quiet);
    silence.abort();
  }
}
async function* events(chunks, quiet, here) {
  const found = [];
  const parser = createParser({ onEvent: (told2) => found.push(told2) });
  const decoder = new TextDecoder();
  for await (const chunk of chunks) {
    quiet.refresh();
    here();
    parser.feed(decoder.decode(chunk, { stream: true }));
    for (const { event: event2, data, id } of found.splice(0)) {
      if (event2 === "done" || TOLD.includes(event2))
        yield { event: event2, id, data: withBothNames(JSON.parse(data)) };
    }
  }
}

import { debuglog } from "node:util";
var log = debuglog("reelbus");
function asked(action, request) {
  if (log.enabled) log("%s %j", action, shown2(request));
}
function answered(action, facts) {
  if (log.enabled) log("%s %j", action, facts);
}
function uploaded(video) {
  if (!log.enabled) return;
  const { video_id, gcs_path, video_url, model, cost_usd } = video;
  log("uploaded %j", { video_id, gcs_path, video_url: video_url?.split("?")[0], model, cost_usd });
}
var SHOWN = new Set(
  "job_id quality aspect_ratio resolution model project_id start_before max_cost_usd on_unknown_submit priority".split(
    " ",
  ),
);
function shown2({ scene, ...rest }) {
  const facts = Object.entries(rest).map(([name, value]) =>
    typeof value === "string" && !SHOWN.has(name) ? [name, `${value.length} characters`] : [name, value],
  );
  return { ...Object.fromEntries(facts), ...(scene && { scene: Object.keys(scene) }) };
}

var WAIT_MS = 6e4;
var AWAY_AT_MOST_MS = 12e4;
var PASSING = [502, 503, 504];
var isAway = (error) => error.code === "unreachable" || PASSING.includes(error.status);
var RepeatableCalls = class {
  #caller;
  #awayAtMostMs;
  constructor(caller, awayAtMostMs = AWAY_AT_MOST_MS) {
    this.#caller = caller;
    this.#awayAtMostMs = awayAtMostMs;
  }
  /** The retries of one task: for how long the facade may be away. */
  patience() {
    return new Patience(this.#awayAtMostMs);
  }
  /** Sends again while `passes` says that an error may pass. Throws any other error, and the reason of an abort. */
  async send(method, path, { body: body2, signal, patience = this.patience(), passes = isAway }) {
    for (;;) {
      try {
        const answer = await this.once(method, path, { body: body2, signal });
        patience.heard();
        return answer;
      } catch (error) {
        signal?.throwIfAborted();
        if (!passes(error)) throw error;
        await patience.pause(error, signal, error.retryAfterMs);
      }
    }
  }
  /** Sends once. Throws a ReelbusError for an answer that is no success. */
  async once(method, path, { body: body2, signal } = {}) {
    const answer = await this.#caller.call(method, path, { body: body2, signal, waitMs: WAIT_MS });
    answered(`${method} ${path}`, { status: answer.status });
    if (answer.status >= 200 && answer.status < 300 && answer.body) return answer.body;
    throw refusalOf(answer, null);
  }
};

var REFERENCES_AT_MOST = 3;
var CHARACTERS_AT_MOST = 28e6;
var ON_BUS_AT_MOST_BYTES = 7e6;
var IMAGE_AT_MOST_BYTES = 2e7;
var DATA = /^data:image\/(?:png|jpeg|webp);base64,/;
var ANY_DATA = /^[\0-\x20]*data:/i;
var BUCKET = new RegExp(`^gs://[a-z0-9][a-z0-9._-]{1,220}/[^${SPACES}]{1,1024}$`, "u");
var STORED = /^reelbus:references\/[0-9a-f]{64}\.(?:png|jpg|webp)$/;
var KINDS = [
  ["image/png", (start) => start.startsWith("PNG\r\n\n")],
  ["image/jpeg", (start) => start.startsWith("ÿØÿ")],
  ["image/webp", (start) => start.startsWith("RIFF") && start.slice(8, 12) === "WEBP"],
];
function reference(path, value) {
  if (typeof value !== "string") throw invalid(path, "must be a text");
  if (value.length > CHARACTERS_AT_MOST) {
    throw invalid(path, `must have at most ${CHARACTERS_AT_MOST} characters, not ${value.length}`);
  }
  if (isInline(value) || BUCKET.test(value) || STORED.test(value)) return value;
  const plain2 = plainDataUrl(value);
  if (!plain2) throw invalid(path, "must be a data: URL (base64 PNG, JPEG or WebP) or a gs://bucket/object URI");
  return plain2;
}
function references(path, values) {
  if (!Array.isArray(values)) throw invalid(path, "must be a list");
  if (values.length > REFERENCES_AT_MOST) {
    throw invalid(path, `must have at most ${REFERENCES_AT_MOST} entries, not ${values.length}`);
  }
  return values.length ? values.map((value, index) => reference(`${path}.${index}`, value)) : void 0;
}
function checkForBus(request) {
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
var kindOf = (bytes) => KINDS.find(([, fits]) => fits(bytes.subarray(0, 12).toString("latin1")))?.[0] ?? null;
function isInline(value) {
  const head = DATA.exec(value)?.[0];
  if (!head) return false;
  const body2 = value.slice(head.length).replace(/={1,2}$/, "");
  return body2.length > 0 && (value.length - head.length) % 4 === 0 && body2.search(/[^A-Za-z0-9+/]/) === -1;
}
function plainDataUrl(value) {
  if (!ANY_DATA.test(value)) return null;
  const [url] = value.slice(value.indexOf(":") + 1).split("#", 1);
  const comma = url.indexOf(",");
  if (comma < 0) return null;
  const head = url
    .slice(0, comma)
    .replace(/[\t\n\r]/g, "")
    .trim();
  const body2 = percentDecoded(
    Buffer.from(
      url
        .slice(comma + 1)
        .replace(/[\t\n\r]/g, "")
        .trimEnd(),
    ),
  );
  const bytes = /; *base64$/i.test(head) ? forgivingBase64(body2.toString("latin1")) : body2;
  const kind = bytes && kindOf(bytes);
  return kind ? `data:${kind};base64,${bytes.toString("base64")}` : null;
}
function percentDecoded(bytes) {
  if (!bytes.includes("%")) return bytes;
  const decoded = Buffer.alloc(bytes.length);
  let length = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const digits = bytes[at] === 37 ? bytes.toString("latin1", at + 1, at + 3) : "";
    const isEscape = /^[0-9A-Fa-f]{2}$/.test(digits);
    decoded[length] = isEscape ? parseInt(digits, 16) : bytes[at];
    length += 1;
    if (isEscape) at += 2;
  }
  return decoded.subarray(0, length);
}
function forgivingBase64(text2) {
  const digits = text2.replace(/[\t\n\f\r ]/g, "");
  const unpadded = digits.length % 4 === 0 ? digits.replace(/={1,2}$/, "") : digits;
  const isBase64 = unpadded.length % 4 !== 1 && unpadded.search(/[^A-Za-z0-9+/]/) === -1;
  return isBase64 ? Buffer.from(unpadded, "base64") : null;
}

var EVENTS = ["succeeded", "failed", "cancelled", "expired"];
var URL_AT_MOST = 2048;
var event = oneOf(...EVENTS);
function webhook(path, value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw invalid(path, "must be an object");
  const unknown = Object.keys(value).find((name) => !["url", "events"].includes(name) && value[name] !== void 0);
  if (value.url === void 0) throw invalid(`${path}.url`, "is required");
  const checked2 = { url: address(`${path}.url`, value.url), events: EVENTS };
  if (value.events !== void 0) checked2.events = events2(`${path}.events`, value.events);
  if (unknown !== void 0) throw invalid(`${path}.${unknown}`, "is not a known key");
  return checked2;
}
function address(path, value) {
  if (typeof value !== "string") throw invalid(path, "must be a text");
  const length = lengthOf(value);
  if (length > URL_AT_MOST) throw invalid(path, `must have at most ${URL_AT_MOST} characters, not ${length}`);
  if (!/^[\x21-\x7e]+$/.test(value) || /[\\<>"^`{|}]/.test(value)) {
    throw invalid(path, "must be an address of printable ASCII characters, without blanks");
  }
  if (!/^https?:\/\/[^/?#]/i.test(value) || !URL.canParse(value)) {
    throw invalid(path, "must be an https:// address such as https://example.com/hook");
  }
  if (/^[^/]*\/\/[^/?#]*@/.test(value)) throw invalid(path, "must have no user name and no password");
  if (value.includes("#")) throw invalid(path, "must have no fragment");
  return value;
}
function events2(path, value) {
  if (!Array.isArray(value)) throw invalid(path, "must be a list");
  const named = value.map((name, index) => event(`${path}.${index}`, name));
  if (named.length < 1) throw invalid(path, "must have at least 1 entry, not 0");
  if (named.length > EVENTS.length) {
    throw invalid(path, `must have at most ${EVENTS.length} entries, not ${named.length}`);
  }
  return EVENTS.filter((name) => named.includes(name));
}

var PROMPT_MIN = 10;
var PROMPT_MAX = 2e3;
var DURATION_DEFAULT_S = 5;
var PROJECT = new RegExp(`^[^${SPACES}/]{1,128}$`, "u");
var jobId = pattern(/^[A-Za-z0-9_-]{1,64}$/, "must have 1 to 64 letters, digits, hyphens and underscores");
var OPTIONAL = {
  quality: oneOf("fast", "quality"),
  aspect_ratio: oneOf("16:9", "9:16"),
  resolution: oneOf("720p", "1080p", "4k"),
  negative_prompt: text(2e3),
  style: text(200),
  seed: whole(0, 4294967295),
  generate_audio: flag,
  reference_image: reference,
  last_image: reference,
  reference_images: references,
  model: pattern(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/,
    "must have 1 to 100 letters, digits, dots, hyphens and underscores, and begin with a letter or digit",
  ),
  project_id: pattern(PROJECT, "must have 1 to 128 characters without blanks, slashes and control characters"),
  scene_index: whole(0, 1e5),
  start_before: moment,
  max_cost_usd: usd,
  on_unknown_submit: oneOf("fail", "resubmit"),
  labels,
  priority: oneOf("interactive", "batch"),
  webhook,
  evaluate: flag,
};
var DEFAULTS = {
  quality: "fast",
  aspect_ratio: "16:9",
  resolution: "720p",
  generate_audio: true,
  on_unknown_submit: "fail",
  labels: {},
};
var REQUEST_KEYS = ["job_id", "scene", "prompt", "duration_seconds", ...Object.keys(OPTIONAL)];
var requestOf = (given) => withWireNames(given, REQUEST_KEYS);
function checkedRequest(given) {
  if (given === null || typeof given !== "object" || Array.isArray(given)) throw invalid("", "must be an object");
  const scene = given.scene ?? null;
  const request = { job_id: jobId("job_id", required("job_id", given.job_id)) };
  if (scene !== null) request.scene = checkedScene(scene);
  request.prompt = promptOf(given.prompt, scene);
  request.duration_seconds = whole(1, 30)("duration_seconds", given.duration_seconds ?? sceneDuration(scene));
  for (const [name, check] of Object.entries(OPTIONAL)) {
    const value = given[name] ?? null;
    const found = value === null ? void 0 : check(name, value);
    if (found !== void 0) request[name] = found;
  }
  const unknown = Object.keys(given).find((name) => !REQUEST_KEYS.includes(name) && given[name] !== void 0);
  if (unknown !== void 0) throw invalid(unknown, "is not a known key");
  return { ...DEFAULTS, ...request };
}
function required(name, value) {
  if (value === null || value === void 0) throw invalid(name, "is required");
  return value;
}
function promptOf(given, scene) {
  const prompt = typeof given === "string" ? stripped(given) : (given ?? "");
  if (typeof prompt === "string" && prompt !== "" && !hasVisibleText(prompt)) {
    throw invalid("prompt", "must have a character that can be seen");
  }
  if (prompt !== "") return text(PROMPT_MAX, PROMPT_MIN)("prompt", prompt);
  if (scene === null) throw invalid("prompt", "is required, or a scene to build it from");
  const built = buildPrompt(scene);
  if (built && !hasVisibleTexts(scene))
    throw invalid("prompt", "built from the scene must have a character that can be seen");
  const length = lengthOf(built);
  if (length >= PROMPT_MIN && length <= PROMPT_MAX) return built;
  throw invalid(
    "prompt",
    `built from the scene must have at least ${PROMPT_MIN} and at most ${PROMPT_MAX} characters, not ${length}`,
  );
}
var sceneDuration = (scene) => (scene === null ? DURATION_DEFAULT_S : durationOf(scene) || DURATION_DEFAULT_S);

var wire = (request) => JSON.stringify(request, refuse);
function refuse(key, value) {
  if (typeof value === "number" && !Number.isFinite(value)) throw invalid(key, "must be a finite number");
  if (typeof value === "function" || typeof value === "symbol" || typeof value === "bigint") {
    throw invalid(key, `must not be a ${typeof value}`);
  }
  return value;
}

var PATH = "/api/videos/batch";
var KEYS = ["batch_id", "max_cost_usd", "priority", "requests"];
var LOOK_EVERY_MS = 500;
var LOOK_EVERY_AT_MOST_MS = 5e3;
var batchIdOf = pattern(/^[A-Za-z0-9_-]{1,43}$/, "must have 1 to 43 letters, digits, hyphens and underscores");
var Batches = class {
  #calls;
  constructor(caller, awayAtMostMs) {
    this.#calls = new RepeatableCalls(caller, awayAtMostMs);
  }
  /** The price of the whole batch and of each video, and what would refuse it. Nothing is made or written. */
  async planBatch(batch, { signal } = {}) {
    return await this.#calls.once("POST", `${PATH}/plan`, { body: bodyOf(batch), signal });
  }
  /** Orders all of its videos, or none. Gives the batch at once: the jobs go on. */
  async orderBatch(batch, { signal } = {}) {
    return await this.#calls.send("POST", PATH, { body: bodyOf(batch), signal });
  }
  /** The batch: how many jobs are in each state, and each job. */
  async batch(batchId, { signal } = {}) {
    return await this.#calls.once("GET", `${PATH}/${batchIdOf("batch_id", batchId)}`, { signal });
  }
  /** The batch when all of its jobs have ended. `listener` gets it at each look. */
  async waitForBatch(batchId, { signal, listener = () => {} } = {}) {
    const path = `${PATH}/${batchIdOf("batch_id", batchId)}`;
    const patience = this.#calls.patience();
    for (let pauseMs = LOOK_EVERY_MS; ; pauseMs = Math.min(pauseMs * 1.1, LOOK_EVERY_AT_MOST_MS)) {
      const batch = await this.#calls.send("GET", path, { signal, patience });
      listener(batch);
      if (batch.ended) return batch;
      await sleep(pauseMs, signal);
    }
  }
};
function bodyOf(given) {
  const batch = withWireNames(given, KEYS);
  const requests = Array.isArray(batch?.requests) ? batch.requests.map(requestOf) : batch?.requests;
  asked("batch", { requests: requests?.length, batch_id: batch?.batch_id });
  return wire({ ...batch, requests });
}

var FROM_VIEW = [
  "video_url",
  "video_id",
  "prompt",
  "duration_seconds",
  "quality",
  "gcs_path",
  "state",
  "poster_url",
  "width",
  "height",
  "aspect_ratio",
  "resolution",
  "model",
  "fallback",
  "billed_seconds",
  "cost_usd",
  "project_id",
  "scene_index",
  "labels",
  "timings",
];
var ENDS2 = ["succeeded", "failed", "cancelled", "expired"];
var hasEnded = (state) => ENDS2.includes(state);
function videoOfView(view) {
  if (view.state !== "succeeded") throw failureOf(view.error, view.video_id, { charged: view.charged });
  if (view.erased_at) throw erased(view.video_id);
  return told({ ...pick(view, FROM_VIEW), generation_time: view.timings.ended_at });
}
function videoOfCompletion(completion) {
  const { error, ...video } = outcomeOfCompletion(completion, completion.job_id);
  if (error) throw error;
  return told(video);
}
function outcomeOfCompletion(completion, videoId) {
  const { state, error, request, timings, erased_at } = completion;
  if (state !== "succeeded") return { error: failureOf(error, videoId) };
  if (erased_at) return { error: erased(videoId) };
  return {
    ...pick(request ?? {}, FROM_VIEW),
    ...pick(completion, FROM_VIEW),
    duration_seconds: request?.duration_seconds ?? completion.duration_seconds,
    video_id: videoId,
    generation_time: timings?.ended_at,
  };
}
var videoOfAnswer = (body2) => told(body2);
function told(video) {
  uploaded(video);
  return withBothNames({ ...video, success: true });
}
var pick = (from, names) => Object.fromEntries(names.filter((name) => name in from).map((name) => [name, from[name]]));

var PATH2 = "/api/films";
var LOOK_EVERY_MS2 = 500;
var LOOK_EVERY_AT_MOST_MS2 = 5e3;
var HELD_AT_MOST_MS = 12e4;
var GOES_ON = ["planned", "rendering", "joining"];
var filmIdOf = pattern(/^[A-Za-z0-9_-]{1,64}$/, "must have 1 to 64 letters, digits, hyphens and underscores");
var sceneOf = pattern(/^[A-Za-z0-9_-]{1,47}$/, "must have 1 to 47 letters, digits, hyphens and underscores");
var takeOf = whole(1, 1e3);
var Films = class extends Batches {
  #calls;
  constructor(caller, awayAtMostMs) {
    super(caller, awayAtMostMs);
    this.#calls = new RepeatableCalls(caller, awayAtMostMs);
  }
  /** The finished film: it is ordered, unless it exists, and waited for. `listener` gets it at each look. */
  async generateFilm(storyboard, { signal, listener } = {}) {
    const film = await this.orderFilm(storyboard, { signal });
    return await this.waitForFilm(film.film_id, { signal, listener, revision: film.revision });
  }
  /** The price, scene by scene. Nothing is made or written. */
  async planFilm(storyboard, { signal } = {}) {
    return await this.#calls.once("POST", `${PATH2}/plan`, { body: bodyOf2(storyboard), signal });
  }
  /** Orders all new scenes, or none. Gives the film at once: it goes on. */
  async orderFilm(storyboard, { signal } = {}) {
    return await this.#calls.send("POST", PATH2, { body: bodyOf2(storyboard), signal, passes: mayPass });
  }
  /** The film with the state of each scene. */
  async film(filmId, { signal } = {}) {
    return await this.#calls.once("GET", pathOf(filmId), { signal });
  }
  /** The film when it has a file. `listener` gets it at each look. Throws if it ends without one, or has a new revision. */
  async waitForFilm(filmId, { signal, listener = () => {}, revision } = {}) {
    const patience = this.#calls.patience();
    let heldSince = null;
    for (let pauseMs = LOOK_EVERY_MS2; ; pauseMs = Math.min(pauseMs * 1.1, LOOK_EVERY_AT_MOST_MS2)) {
      const film = await this.#calls.send("GET", pathOf(filmId), { signal, patience });
      if (film.revision !== (revision ?? film.revision)) throw revised(film);
      revision = film.revision;
      listener(film);
      if (film.state === "succeeded") return film;
      heldSince = film.state === "held" ? (heldSince ?? performance.now()) : null;
      if (!goesOn(film, performance.now() - heldSince)) throw endOf2(film);
      await sleep(pauseMs, signal);
    }
  }
  /** Cancels, and gives the film: no scene is sent any more. What was sent is paid, and kept. */
  async cancelFilm(filmId, { signal } = {}) {
    return await this.#calls.send("DELETE", pathOf(filmId), { signal });
  }
  /** Orders the next revision with another take of one scene. A repeated call pays once. Gives the film at once. */
  async retakeScene(filmId, { scene, take, maxCostUsd, signal } = {}) {
    const path = `${pathOf(filmId)}/scenes/${sceneOf("scene", scene)}/retake`;
    const body2 = wire({ take: takeOf("take", take), max_cost_usd: maxCostUsd });
    return await this.#calls.send("POST", path, { body: body2, signal, passes: mayPass });
  }
};
function bodyOf2(given) {
  if (given === null || typeof given !== "object" || Array.isArray(given)) throw invalid("", "must be an object");
  const storyboard = withApiNames(given);
  const { film_id, revision, scenes } = storyboard;
  asked("film", { film_id, revision, scenes: scenes?.length });
  return wire(storyboard);
}
var pathOf = (filmId) => `${PATH2}/${filmIdOf("film_id", filmId)}`;
var mayPass = (error) => isAway(error) || error.status === 429;
function goesOn({ state, scenes }, heldMs) {
  if (state !== "held") return GOES_ON.includes(state);
  const hasVideos = scenes.every((scene) => scene.state === "succeeded");
  return hasVideos ? heldMs < HELD_AT_MOST_MS : scenes.some((scene) => !hasEnded(scene.state));
}
function endOf2(film) {
  const message2 = `film ${film.film_id} is ${film.state}`;
  const reason = film.error ?? { category: "cancelled", code: "cancelled", message: message2, retryable: false };
  return Object.assign(failureOf(reason, null, { charged: chargedOf(film) }), {
    film,
    detail: `${message2}. ${reason.message}`,
  });
}
function chargedOf({ scenes, cost_usd }) {
  if (scenes.some((scene) => scene.error?.charged === "unknown")) return "unknown";
  return cost_usd > 0 ? "yes" : "no";
}
function revised(film) {
  const message2 = `film ${film.film_id} is at revision ${film.revision} already`;
  return Object.assign(
    new ReelbusError(message2, { category: "conflict", code: "id_reused", charged: chargedOf(film) }),
    { film },
  );
}

var WAIT_MS2 = 6e4;
var FILTERS = ["project_id"];
var Operations = class extends Films {
  #caller;
  constructor(caller, awayAtMostMs) {
    super(caller, awayAtMostMs);
    this.#caller = caller;
  }
  /** Clips, price, time and what would refuse the video. Nothing is made or written. */
  async plan(request, { signal } = {}) {
    const order = requestOf(request);
    asked("plan", order);
    return await this.#sent("POST", "/api/videos/plan", wire(order), signal);
  }
  /** A page of jobs, the newest first: `{videos, nextCursor}`. */
  async list(filters = {}, { signal } = {}) {
    return await this.#sent("GET", `/api/videos${query(withWireNames(filters, FILTERS))}`, void 0, signal);
  }
  /** What was spent, since a day such as `2026-01-31` or since the month began. */
  async spend({ since } = {}, { signal } = {}) {
    return await this.#sent("GET", `/api/spend${query({ since, format: "json" })}`, void 0, signal);
  }
  /** What a replay of the job would pay for. */
  async quoteReplay(videoId, { signal } = {}) {
    return await this.#sent("GET", `${job(videoId)}/replay`, void 0, signal);
  }
  /** Queues a job that ended without a video again. `pay` and `life` are those of the quote. */
  async replay(videoId, { life, pay, signal } = {}) {
    return await this.#sent("POST", `${job(videoId)}/replay`, body({ life, pay }), signal);
  }
  /** The evidence about clips of which it is unknown whether they were charged; for an operator. */
  async evidence(videoId, { signal } = {}) {
    return await this.#sent("GET", `${job(videoId)}/resolve`, void 0, signal);
  }
  /** Decides about such a clip: `{decision, clip, attempt, pay}`; for an operator. */
  async resolve(videoId, { signal, ...decision } = {}) {
    return await this.#sent("POST", `${job(videoId)}/resolve`, body(decision), signal);
  }
  /** Erases prompt, image and video of an ended job. It can't be undone; for an operator. */
  async erase(videoId, { signal } = {}) {
    return await this.#sent("POST", `${job(videoId)}/erase`, body({}), signal);
  }
  /** Messages that are not delivered any more; for an operator, as all that follows. */
  async deadLetters({ limit } = {}, { signal } = {}) {
    return await this.#sent("GET", `/api/dead-letters${query({ limit })}`, void 0, signal);
  }
  /** One of them, with its body, and what its replay would pay for. */
  async deadLetter(letterId, { signal } = {}) {
    return await this.#sent("GET", letter(letterId), void 0, signal);
  }
  /** Publishes it again. `pay` is that of its quote. */
  async replayDeadLetter(letterId, { pay, signal } = {}) {
    return await this.#sent("POST", `${letter(letterId)}/replay`, body({ pay }), signal);
  }
  /** Deletes it. Its job stays unchanged. */
  async dropDeadLetter(letterId, { signal } = {}) {
    return await this.#sent("DELETE", letter(letterId), void 0, signal);
  }
  /** Dead letters, doubtful submits, late clips and overdue jobs. */
  async trouble({ signal } = {}) {
    return await this.#sent("GET", "/api/trouble", void 0, signal);
  }
  /** Jobs by state, what waits, and the workers. */
  async workers({ signal } = {}) {
    return await this.#sent("GET", "/api/health/workers", void 0, signal);
  }
  async #sent(method, path, body2, signal) {
    const answer = await this.#caller.call(method, path, { body: body2, signal, videoId: null, waitMs: WAIT_MS2 });
    answered(`${method} ${path.split("?")[0]}`, { status: answer.status });
    if (answer.status === 200 && answer.body) return answer.body;
    throw refusalOf(answer, null);
  }
};
var job = (videoId) => `/api/videos/${jobId("video_id", videoId)}`;
var letter = (letterId) => `/api/dead-letters/${encodeURIComponent(letterId)}`;
var body = (fields) => JSON.stringify(fields);
function query(filters) {
  const given = Object.entries(filters).filter(([, value]) => value !== void 0 && value !== null);
  return given.length ? `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}` : "";
}

import { createHash as createHash2, randomUUID } from "node:crypto";

import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
var KEPT_MS = 30 * 6e4;
var TOUCH_EVERY_MS = 6e4;
var LOOK_EVERY_MS3 = 1e3;
var NAME = /^([0-9a-f]{64})\.([0-9a-f-]{36})\.([0-9a-f]{8})\.([0-9]{1,10})\.([0-9]{1,12})$/;
var HOST = createHash("sha256").update(hostname()).digest("hex").slice(0, 8);
var STARTED_S = Math.round(Date.now() / 1e3 - process.uptime());
var START_NOISE_S = 2;
var Journal = class {
  #folder;
  #isUsable = null;
  #own = /* @__PURE__ */ new Map();
  // id of a job → its file, and whether its call still runs
  #left = /* @__PURE__ */ new Map();
  // digest → files of processes that have ended
  #lookedAt = -Infinity;
  constructor(folder = join(tmpdir(), `reelbus-${process.getuid?.() ?? "calls"}`)) {
    this.#folder = folder;
    setInterval(() => this.#touch(), TOUCH_EVERY_MS).unref();
  }
  /** The id that an ended process chose for this call; null without one. It is noted for this process now. */
  take(digest) {
    return quietly(() => this.#take(digest)) ?? null;
  }
  /** Notes a call before it is sent. */
  begin(digest, id) {
    quietly(() => {
      if (!this.#check()) return;
      const file = this.#own.get(id)?.file ?? fileOf(digest, id);
      writeFileSync(join(this.#folder, file), "");
      this.#own.set(id, { file, runs: true });
    });
  }
  /** The call got no answer: the same call may take its id for a while. */
  leave(id) {
    const call = this.#own.get(id);
    if (call) call.runs = false;
  }
  /** The call got its answer, about the job `videoId`: a facade may have led it to the job of another process. */
  end(digest, id, videoId) {
    const file = this.#own.get(id)?.file;
    this.#own.delete(id);
    if (file) quietly(() => this.#remove(file));
    if (videoId && videoId !== id) quietly(() => this.#forget(`${digest}.${videoId}.`));
  }
  /** Deletes the notes of a job that has been answered. */
  #forget(beginning) {
    if (!this.#check()) return;
    for (const file of readdirSync(this.#folder)) if (file.startsWith(beginning)) this.#remove(file);
    this.#lookedAt = -Infinity;
  }
  #remove(file) {
    rmSync(join(this.#folder, file), { force: true });
  }
  #take(digest) {
    if (!this.#check()) return null;
    this.#look();
    for (const left of this.#left.get(digest)?.splice(0) ?? []) {
      const id = NAME.exec(left)[2];
      const file = fileOf(digest, id);
      const isOurs = quietly(() => renameSync(join(this.#folder, left), join(this.#folder, file)) ?? true);
      if (!isOurs) continue;
      this.#own.set(id, { file, runs: true });
      return id;
    }
    return null;
  }
  /** Finds what ended processes left, and deletes what is too old. */
  #look() {
    const now = performance.now();
    if (now - this.#lookedAt < LOOK_EVERY_MS3) return;
    this.#lookedAt = now;
    this.#left.clear();
    for (const file of readdirSync(this.#folder)) {
      const [, digest, , host, pid, started] = NAME.exec(file) ?? [];
      if (!digest || host !== HOST || runs(Number(pid), Number(started))) continue;
      const path = join(this.#folder, file);
      const age = Date.now() - (quietly(() => statSync(path).mtimeMs) ?? 0);
      if (age > KEPT_MS) quietly(() => this.#remove(file));
      else this.#left.set(digest, [...(this.#left.get(digest) ?? []), file]);
    }
  }
  #touch() {
    const now = /* @__PURE__ */ new Date();
    for (const { file, runs: runs2 } of this.#own.values()) {
      if (runs2) quietly(() => utimesSync(join(this.#folder, file), now, now));
    }
  }
  /** Whether the folder is there and belongs to this user alone: another user could choose ids otherwise. */
  #check() {
    if (this.#isUsable !== null) return this.#isUsable;
    this.#isUsable = false;
    mkdirSync(this.#folder, { recursive: true, mode: 448 });
    const { uid, mode } = lstatSync(this.#folder);
    this.#isUsable = !process.getuid || (uid === process.getuid() && (mode & 63) === 0);
    return this.#isUsable;
  }
};
var fileOf = (digest, id) => `${digest}.${id}.${HOST}.${process.pid}.${STARTED_S}`;
function runs(pid, startedS) {
  if (pid === process.pid) return Math.abs(startedS - STARTED_S) <= START_NOISE_S;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code !== "ESRCH";
  }
}
function quietly(work) {
  try {
    return work();
  } catch {
    return void 0;
  }
}

var KEPT_MS2 = 30 * 6e4;
var KEPT_AT_MOST = 1e3;
var PASSING2 = [502, 503, 504];
var kept = /* @__PURE__ */ new Map();
var journal = new Journal();
async function withId(address2, given, work) {
  if (given === null || typeof given !== "object") throw invalid("", "must be an object");
  const request = requestOf(given);
  if ((request.job_id ?? null) !== null) return await work(request, true);
  const digest = createHash2("sha256")
    .update(address2 + wire(request))
    .digest("hex");
  const before = taken(digest) ?? journal.take(digest);
  const id = before ?? randomUUID();
  journal.begin(digest, id);
  try {
    const result = await work({ ...request, job_id: id }, false);
    journal.end(digest, id, result.video_id);
    return result;
  } catch (error) {
    if (isAnswer(error)) {
      journal.end(digest, id, error.videoId);
      throw error;
    }
    keep(digest, id);
    journal.leave(id);
    throw before ? about(error, id) : error;
  }
}
function about(error, videoId) {
  if (!(error instanceof Error) || !videoId || error.videoId === videoId) return error;
  if (error instanceof ReelbusError) return error.videoId ? error : Object.assign(error, { videoId });
  const free = !Object.hasOwn(error, "videoId") && Object.isExtensible(error);
  const own = free ? error : copyOf(error);
  return Object.assign(own, { videoId });
}
function copyOf(error) {
  if (error instanceof DOMException) return new DOMException(error.message, { name: error.name, cause: error });
  return Object.create(error, { message: { value: error.message, enumerable: false } });
}
function isAnswer(error) {
  return error instanceof ReelbusError && error.status !== null && !PASSING2.includes(error.status);
}
function taken(digest) {
  const found = kept.get(digest);
  kept.delete(digest);
  return found && found.until > performance.now() ? found.id : null;
}
function keep(digest, id) {
  kept.delete(digest);
  kept.set(digest, { id, until: performance.now() + KEPT_MS2 });
  if (kept.size > KEPT_AT_MOST) kept.delete(kept.keys().next().value);
}

var GENERATE = "/api/videos/generate";
var AWAY_AT_MOST_MS2 = 12e4;
var LONGEST_ANSWER_MS = 285e3;
var WAIT_S = 50;
var LOOK_EVERY_MS4 = 1e3;
var THANKS_MS = 1e4;
var PASSING3 = [502, 503, 504];
var RESPOND_ASYNC = "respond-async";
var REATTACH = "reattach";
var HttpClient = class extends Operations {
  #url;
  #caller;
  #awayAtMostMs;
  #waitS = WAIT_S;
  constructor({ url, apiKey, awayAtMostMs = AWAY_AT_MOST_MS2 }) {
    const caller = new Caller(url, apiKey);
    super(caller, awayAtMostMs);
    this.#url = url;
    this.#caller = caller;
    this.#awayAtMostMs = awayAtMostMs;
  }
  /** The video, after a wait without limit. An abort ends the wait, and not the job. */
  async generate(request, { signal } = {}) {
    return await withId(this.#url, request, (order, named) =>
      this.#naming({ videoId: null }, async (known) => {
        const headers = named ? {} : { prefer: REATTACH };
        const body2 = await this.#order(order, headers, known, signal);
        if (body2.success) return videoOfAnswer(body2);
        const view = await this.#ended(body2, signal);
        if (!named && view.state === "succeeded" && view.video_id === order.job_id) {
          await this.#sent(wire(order), headers, order.job_id, AbortSignal.timeout(THANKS_MS)).catch(() => {});
        }
        return videoOfView(view);
      }),
    );
  }
  /** The job once it is accepted: `videoId`, `state` and the rest of its view. */
  async submit(request, { signal } = {}) {
    return await withId(this.#url, request, (order, named) =>
      this.#naming({ videoId: null }, async (known) => {
        const prefer = named ? RESPOND_ASYNC : `${RESPOND_ASYNC}, ${REATTACH}`;
        return await this.#order(order, { prefer }, known, signal).catch((error) => {
          if (error.videoId !== order.job_id || signal?.aborted || mayPass2(error)) throw error;
          return this.status(order.job_id, { signal });
        });
      }),
    );
  }
  /** The video of a job that was submitted before, here or elsewhere. */
  async wait(videoId, { signal } = {}) {
    return await this.#naming({ videoId }, async () => videoOfView(await this.#ended({ video_id: videoId }, signal)));
  }
  /** The current view of the job. */
  async status(videoId, { signal } = {}) {
    return await this.#naming({ videoId }, () => this.#job("GET", videoId, signal));
  }
  /** Cancels, and returns the job. One that has ended stays as it is; an accepted clip stays charged. */
  async cancel(videoId, { signal } = {}) {
    return await this.#naming({ videoId }, () => this.#job("DELETE", videoId, signal));
  }
  /** Calls `listener` with each `state` and `progress` event; returns the job when it has ended. */
  async onProgress(videoId, listener, { signal } = {}) {
    jobId("video_id", videoId);
    const patience = new Patience(this.#awayAtMostMs);
    return await this.#naming({ videoId }, () => follow(this.#caller, videoId, listener, patience, signal));
  }
  async close() {}
  /** The result of `work`. Its errors get the id of the job. `known.videoId` is set once a job may exist. */
  async #naming(known, work) {
    try {
      return await work(known);
    } catch (error) {
      throw error instanceof ReelbusError && error.code === "invalid_request" ? error : about(error, known.videoId);
    }
  }
  /** Sends until an answer names the job. If an answer was lost, looks for the job before sending again. */
  async #order(order, headers, known, signal) {
    const body2 = wire(order);
    const patience = new Patience(this.#awayAtMostMs);
    asked(`POST ${GENERATE}`, order);
    signal?.throwIfAborted();
    for (let first = true; ; first = false) {
      known.videoId = order.job_id;
      const { value, error } = await outcomeOf(this.#sent(body2, headers, order.job_id, signal));
      if (value) {
        known.videoId = value.video_id;
        return value;
      }
      if (signal?.aborted) throw error;
      const unsent = first && isUnsent(error);
      if (unsent || (first && !error.videoId)) known.videoId = null;
      if (unsent) throw Object.assign(error, { videoId: null });
      if (!mayPass2(error)) throw error;
      const view = error.videoId && (await this.#found(error.videoId, patience, signal));
      if (view) {
        known.videoId = view.video_id;
        return view;
      }
      await patience.pause(error, signal, error.retryAfterMs);
    }
  }
  async #sent(body2, headers, videoId, signal) {
    const more = { body: body2, headers, signal, videoId, waitMs: LONGEST_ANSWER_MS };
    const answer = await this.#caller.call("POST", GENERATE, more);
    answered(`POST ${GENERATE}`, { status: answer.status, video_id: videoId, state: answer.body?.state });
    if (answer.status < 300 && answer.body?.state) return answer.body;
    throw refusalOf(answer, videoId);
  }
  /** The view of the job, as soon as the facade can read it; null if there is no such job. */
  async #found(videoId, patience, signal) {
    for (;;) {
      const { value, error } = await outcomeOf(this.#job("GET", videoId, signal));
      if (value) return value;
      if (error.code === "not_found") return null;
      await this.#bear(error, 0, patience, signal);
    }
  }
  /** The view of the job when it has ended. */
  async #ended(view, signal) {
    const patience = new Patience(this.#awayAtMostMs);
    while (!hasEnded(view.state)) {
      const waitS = this.#waitS;
      const { value, error } = await outcomeOf(this.#job("GET", view.video_id, signal, waitS));
      if (error) await this.#bear(error, waitS, patience, signal);
      else {
        patience.heard();
        view = value;
        if (!waitS && !hasEnded(view.state)) await sleep(LOOK_EVERY_MS4, signal);
      }
    }
    return view;
  }
  /** Returns if the call may be tried again; throws an error that is final. */
  async #bear(error, waitS, patience, signal) {
    signal?.throwIfAborted();
    if (error.field === "wait" && waitS) this.#waitS = waitS >> 1;
    else if (mayPass2(error) || error.status === 429) await patience.pause(error, signal, error.retryAfterMs);
    else throw error;
  }
  async #job(method, videoId, signal, waitS = 0) {
    const path = `/api/videos/${jobId("video_id", videoId)}`;
    const query2 = waitS ? `?wait=${waitS}` : "";
    const answer = await this.#caller.call(method, path + query2, { signal, videoId, waitMs: waitS * 1e3 });
    answered(`${method} ${path}${query2}`, { status: answer.status, state: answer.body?.state });
    if (answer.status === 200 && answer.body?.state) return answer.body;
    throw refusalOf(answer, videoId);
  }
};
var outcomeOf = (promise) =>
  promise.then(
    (value) => ({ value }),
    (error) => ({ error: error ?? new Error("thrown without a reason") }),
  );
function mayPass2(error) {
  if (error.code === "unreachable") return true;
  return error.status === 429 ? error.videoId === null : PASSING3.includes(error.status);
}
var isUnsent = (error) => error.code === "unreachable" && error.charged === "no";

import { randomUUID as randomUUID2 } from "node:crypto";

import { randomBytes } from "node:crypto";
var REQUESTS = "video-requests";
var BATCH_REQUESTS = "video-requests-batch";
var COMPLETIONS = "video-completions";
var COMPLETED = /^reelbus\.video\.(?:succeeded|failed|cancelled|expired|rejected)\.v1$/;
var TRACE = /^00-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})$/;
var topicOf = (request) => (request.priority === "batch" ? BATCH_REQUESTS : REQUESTS);
var requestMessage = (request, trace) => {
  const priority = request.priority === "batch" ? "batch" : void 0;
  const evaluate = request.evaluate || void 0;
  return message(
    { ...request, priority, evaluate },
    "reelbus.video.requested.v1",
    request.job_id,
    request.job_id,
    trace,
  );
};
var cancelMessage = (cancel, trace, life) => {
  const { data, attributes } = message(
    cancel,
    "reelbus.video.cancel.v1",
    `${cancel.job_id}.cancel`,
    cancel.job_id,
    trace,
  );
  return { data, attributes: life === void 0 ? attributes : { ...attributes, life: String(life) } };
};
var isForeign = ({ attributes }) => Boolean(attributes["ce-type"]) && !COMPLETED.test(attributes["ce-type"]);
function completionOf({ data }) {
  try {
    const completion = JSON.parse(data.toString());
    return typeof completion?.state === "string" ? completion : null;
  } catch {
    return null;
  }
}
function traceOf(given) {
  const [, traceId = randomBytes(16).toString("hex"), flags = "00"] = TRACE.exec(given ?? "") ?? [];
  return `00-${traceId}-${randomBytes(8).toString("hex")}-${flags}`;
}
function message(body2, type, eventId, jobId2, trace) {
  const attributes = {
    job_id: jobId2,
    "ce-type": type,
    "ce-source": "reelbus",
    "ce-id": eventId,
    "ce-specversion": "1.0",
    "ce-time": /* @__PURE__ */ new Date().toISOString(),
    traceparent: trace,
  };
  return { data: Buffer.from(JSON.stringify(body2)), attributes };
}

var CALL = { timeout: 2e4 };
var EXPIRES_AFTER_S = 86400;
var KEEPS_S = 600;
var ACK_DEADLINE_S = 60;
var UNREADABLE_AGAIN_MS = 6e4;
var NOT_FOUND = 5;
var AUTH = /* @__PURE__ */ new Map([
  [7, "permission_denied"],
  [16, "unauthenticated"],
]);
var Bus = class {
  #projectId;
  #named;
  #heard;
  #lost;
  #pubsub;
  #subscription = null;
  #unread = /* @__PURE__ */ new Set();
  // timers, one for each message that can't be read
  constructor({ projectId, subscription, heard: heard2, lost: lost2 }) {
    this.#projectId = projectId;
    this.#named = subscription;
    this.#heard = heard2;
    this.#lost = lost2;
  }
  /** Publishes; the message is durable once this returns. Throws `unreachable`: it may have been published or not. */
  async publish(topic, message2) {
    const { pubsub } = await this.#opened();
    const publisher = pubsub.topic(topic, { gaxOpts: CALL });
    await this.#translated(topic, message2.attributes.job_id, () => publisher.publishMessage(message2));
  }
  /** Starts to receive completions: every one that is published from now on. */
  async listen() {
    this.#subscription ??= this.#subscribed().catch((error) => {
      this.#subscription = null;
      throw error;
    });
    await this.#subscription;
  }
  /** Closes the connection. A subscription of this process alone is deleted. */
  async close() {
    const subscription = await this.#subscription?.catch(() => null);
    this.#subscription = null;
    if (subscription) await this.#left(subscription);
    const opened2 = await this.#pubsub;
    this.#pubsub = void 0;
    await opened2?.pubsub.close();
  }
  async #subscribed() {
    const { pubsub } = await this.#opened();
    const subscription = this.#named ? pubsub.subscription(this.#named) : await this.#created(pubsub);
    subscription.on("message", (message2) => this.#took(message2));
    subscription.on("error", (error) => this.#broke(subscription, error));
    return subscription;
  }
  async #created(pubsub) {
    const options = {
      expirationPolicy: { ttl: { seconds: EXPIRES_AFTER_S } },
      messageRetentionDuration: { seconds: KEEPS_S },
      ackDeadlineSeconds: ACK_DEADLINE_S,
      gaxOpts: CALL,
    };
    const create = () => pubsub.topic(COMPLETIONS).createSubscription(`node-${randomUUID2()}`, options);
    const [subscription] = await this.#translated(COMPLETIONS, null, create);
    return subscription;
  }
  async #left(subscription) {
    this.#forget();
    subscription.removeAllListeners("message");
    await subscription.close();
    if (this.#named) return;
    await subscription.delete(CALL).catch((error) => answered("delete subscription", { error: error.message }));
  }
  #took(message2) {
    const completion = isForeign(message2) ? null : completionOf(message2);
    answered("completion", {
      video_id: completion?.job_id,
      state: completion?.state,
      id: message2.attributes["ce-id"],
    });
    if (completion) this.#heard(completion, message2.attributes.traceparent);
    if (completion || isForeign(message2)) message2.ack();
    else this.#keep(message2);
  }
  /** Leaves a message to another program or the dead-letter policy, but delays its next delivery. */
  #keep(message2) {
    const timer = setTimeout(() => {
      this.#unread.delete(timer);
      message2.nack();
    }, UNREADABLE_AGAIN_MS).unref();
    this.#unread.add(timer);
  }
  #broke(subscription, error) {
    this.#subscription = null;
    this.#forget();
    subscription.removeAllListeners("message");
    subscription.close().catch(() => {});
    this.#lost(this.#translate(error, COMPLETIONS, null));
  }
  /** Forgets the messages that can't be read: Pub/Sub delivers them again once this connection is closed. */
  #forget() {
    for (const timer of this.#unread) clearTimeout(timer);
    this.#unread.clear();
  }
  #opened() {
    this.#pubsub ??= opened(this.#projectId);
    return this.#pubsub;
  }
  async #translated(topic, videoId, work) {
    try {
      return await work();
    } catch (error) {
      throw this.#translate(error, topic, videoId);
    }
  }
  #translate(error, topic, videoId) {
    if (error.code === NOT_FOUND) {
      const what = this.#named && topic === COMPLETIONS ? `subscription ${this.#named}` : `topic ${topic}`;
      const message3 = `there is no ${what} in project ${this.#projectId}; \`reelbus setup\` makes what is needed`;
      return new ReelbusError(message3, { category: "upstream", code: "no_topic", status: null, detail: message3 });
    }
    const message2 = `Pub/Sub failed (${error.details || error.message})`;
    const code = AUTH.get(error.code);
    if (code)
      return new ReelbusError(message2, { category: "auth", code, status: null, detail: message2, cause: error });
    return unreachable(message2, { cause: error, videoId });
  }
};
async function opened(projectId) {
  try {
    const { PubSub } = await import("@google-cloud/pubsub");
    return { pubsub: new PubSub({ projectId }) };
  } catch (error) {
    if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
    const message2 = "pubsub:// needs Google's client: npm install @google-cloud/pubsub";
    throw new ReelbusError(message2, { code: "no_client", status: null, detail: message2, cause: error });
  }
}

var KEPT_AT_MOST2 = 1e3;
var Replies = class {
  #waiters = /* @__PURE__ */ new Map();
  // job id → waiters
  #kept = /* @__PURE__ */ new Map();
  // job id → answers, the oldest first
  #keepsStrays;
  /** `keepsStrays`: also keep answers to jobs of other processes; after a restart a caller may wait for them. */
  constructor({ keepsStrays }) {
    this.#keepsStrays = keepsStrays;
  }
  /** Whether an answer to this job would be kept or delivered. */
  expects(jobId2) {
    return this.#waiters.has(jobId2) || this.#kept.has(jobId2);
  }
  /** Keeps answers to this job, and to the message with this trace, from now on. */
  expect(jobId2, trace) {
    this.#keep(jobId2).traces.add(trace);
  }
  /** `{answer, leave}`: the next completion of this job, or the rejection of this message. `kept`: or an earlier one. */
  wait(jobId2, { trace = null, kept: kept2 = false }) {
    const before = kept2 ? this.#kept.get(jobId2) : void 0;
    if (before?.end) return { answer: Promise.resolve(before.end), leave() {} };
    const waiter = { traces: /* @__PURE__ */ new Set([...(before?.traces ?? []), trace]) };
    waiter.answer = new Promise((resolve, reject) => Object.assign(waiter, { resolve, reject }));
    if (!this.#waiters.has(jobId2)) this.#waiters.set(jobId2, /* @__PURE__ */ new Set());
    this.#waiters.get(jobId2).add(waiter);
    return { answer: waiter.answer, leave: () => this.#leave(jobId2, waiter) };
  }
  /** Gives a completion and its trace to the callers that wait for it. */
  deliver(completion, trace) {
    const { job_id: jobId2, state } = completion;
    const concerns = ({ traces }) => state !== "rejected" || traces.has(trace);
    for (const waiter of this.#waiters.get(jobId2) ?? []) {
      if (concerns(waiter)) waiter.resolve(completion);
    }
    const isStray = this.#keepsStrays && jobId2 && state !== "rejected";
    const kept2 = this.#kept.get(jobId2) ?? (isStray ? this.#keep(jobId2) : null);
    if (kept2 && concerns(kept2)) kept2.end = completion;
  }
  /** Ends all waits with an error: no more answers can arrive. */
  fail(errorFor) {
    for (const [jobId2, waiters] of this.#waiters) {
      for (const waiter of waiters) waiter.reject(errorFor(jobId2));
    }
  }
  #leave(jobId2, waiter) {
    const waiters = this.#waiters.get(jobId2);
    waiters?.delete(waiter);
    if (waiters?.size === 0) this.#waiters.delete(jobId2);
  }
  #keep(jobId2) {
    const kept2 = this.#kept.get(jobId2) ?? { traces: /* @__PURE__ */ new Set(), end: null };
    this.#kept.delete(jobId2);
    this.#kept.set(jobId2, kept2);
    if (this.#kept.size > KEPT_AT_MOST2) this.#kept.delete(this.#kept.keys().next().value);
    return kept2;
  }
};

var LIFE_AT_MOST = 999999999;
var REMIND_MS = 6e5;
var PubSubClient = class {
  #address;
  #bus;
  #replies;
  #listens;
  #named;
  #http;
  #remindMs;
  constructor({ projectId, subscription = null, listen = true, http = null, remindMs = REMIND_MS }) {
    this.#address = `pubsub://${projectId}`;
    this.#replies = new Replies({ keepsStrays: subscription !== null });
    const heard2 = (completion, trace) => this.#replies.deliver(completion, trace);
    const lost2 = (error) => this.#replies.fail((videoId) => lostAnswer(error, videoId));
    this.#bus = new Bus({ projectId, subscription, heard: heard2, lost: lost2 });
    this.#listens = listen;
    this.#named = subscription !== null;
    this.#http = http;
    this.#remindMs = remindMs;
  }
  /** The video, after a wait without limit. An abort ends the wait, and not the job. */
  async generate(request, { signal, traceparent } = {}) {
    return await withId(this.#address, request, async (identified) => {
      const order = checked(identified);
      return videoOfCompletion(await this.#exchange(order, traceOf(traceparent), false, signal));
    });
  }
  /** `{videoId, state}` once the request is on the bus. */
  async submit(request, { signal, traceparent } = {}) {
    return await withId(this.#address, request, async (identified) => {
      const order = checked(identified);
      const trace = traceOf(traceparent);
      if (this.#listens) await this.#listening(signal);
      if (this.#listens) this.#replies.expect(order.job_id, trace);
      await this.#publish(order, trace);
      return withBothNames({ video_id: order.job_id, state: "queued" });
    });
  }
  /**
   * The video of a job that was submitted before. A job of another process may have ended before this client listened:
   * give its `request` again, which costs nothing, or give the client the `httpUrl` of a facade.
   */
  async wait(videoId, { signal, request, traceparent } = {}) {
    jobId("video_id", videoId);
    if (request) {
      const order = checked({ ...requestOf(request), job_id: videoId });
      return videoOfCompletion(await this.#exchange(order, traceOf(traceparent), true, signal));
    }
    if (!this.#replies.expects(videoId)) {
      if (this.#http) return await this.#http.wait(videoId, { signal });
      if (!this.#named) throw unheard(videoId);
    }
    await this.#listening(signal);
    return videoOfCompletion(await heard(this.#replies.wait(videoId, { kept: true }), signal, videoId));
  }
  /**
   * Publishes the cancel. A clip that is accepted by then stays charged. `life` is 1, and one more for each replay: with
   * it a late cancel leaves a job alone that was replayed meanwhile.
   */
  async cancel(videoId, { reason, life, traceparent } = {}) {
    const cancel = { job_id: jobId("video_id", videoId) };
    if (reason) cancel.reason = text(500)("reason", reason);
    asked("cancel", cancel);
    const ends = life === void 0 ? void 0 : whole(1, LIFE_AT_MOST)("life", life);
    await this.#bus.publish(REQUESTS, cancelMessage(cancel, traceOf(traceparent), ends));
  }
  /** The current view of the job, by HTTP. */
  async status(videoId, options) {
    return await this.#overHttp("status").status(videoId, options);
  }
  /** The job's `state` and `progress` events, by HTTP. */
  async onProgress(videoId, listener, options) {
    return await this.#overHttp("onProgress").onProgress(videoId, listener, options);
  }
  /** Clips, price and time of a request, by HTTP. Nothing is made or written. */
  async plan(request, options) {
    return await this.#overHttp("plan").plan(request, options);
  }
  /** A page of jobs, by HTTP. */
  async list(filters, options) {
    return await this.#overHttp("list").list(filters, options);
  }
  /** The client of the facade, for `spend`, `replay` and all else that Pub/Sub can't answer. */
  get http() {
    return this.#overHttp("http");
  }
  /** Ends the subscription and the connection. All waits fail; the jobs go on. */
  async close() {
    this.#replies.fail((videoId) => lostAnswer(new Error("the client was closed"), videoId));
    await this.#bus.close();
  }
  /** Registers first, then publishes: the answer can't be missed. */
  async #exchange(order, trace, kept2, signal) {
    await this.#listening(signal);
    const place2 = this.#replies.wait(order.job_id, { trace, kept: kept2 });
    place2.answer.catch(() => {});
    const reminder = setInterval(() => this.#remind(order, trace), this.#remindMs);
    try {
      await this.#publish(order, trace);
      return await heard(place2, signal, order.job_id);
    } finally {
      clearInterval(reminder);
      place2.leave();
    }
  }
  /** A completion may be lost while the connection is. The same message again costs nothing, and is answered. */
  #remind(order, trace) {
    this.#publish(order, trace).catch((error) => answered("remind", { error: error.message }));
  }
  async #publish(order, trace) {
    asked("publish", order);
    await this.#bus.publish(topicOf(order), requestMessage(order, trace));
  }
  async #listening(signal) {
    if (!this.#listens) throw new ReelbusError("this client does not listen; it can only submit and cancel");
    signal?.throwIfAborted();
    await this.#bus.listen();
    signal?.throwIfAborted();
  }
  #overHttp(name) {
    if (this.#http) return this.#http;
    throw new ReelbusError(`${name} works over HTTP: give the client the httpUrl of a facade`, { code: "no_http" });
  }
};
function checked(request) {
  const order = checkedRequest(request);
  checkForBus(order);
  return order;
}
async function heard({ answer, leave }, signal, videoId) {
  const { promise, stop } = aborted(signal);
  try {
    const completion = await Promise.race([answer, promise]);
    if (completion.state === "rejected") throw failureOf(completion.error, completion.job_id);
    return completion;
  } catch (error) {
    throw about(error, videoId);
  } finally {
    stop();
    leave();
  }
}
function aborted(signal) {
  let stop = () => {};
  const promise = new Promise((_, reject) => {
    const abort = () => reject(signal.reason);
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
    stop = () => signal?.removeEventListener("abort", abort);
  });
  return { promise, stop };
}
var lostAnswer = (cause, videoId) => unreachable(`no more answers can arrive: ${cause.message}`, { cause, videoId });
var unheard = (videoId) =>
  invalid(
    "",
    `job ${videoId} may have ended before this client listened: give its request again, or an httpUrl to the client`,
  );

var DEFAULT_ADDRESS = "http://localhost:8000";
function createClient(address2, options = {}) {
  const url = parsed2(address2 ?? (setting("REELBUS_URL") || setting("PYTHON_API_URL") || DEFAULT_ADDRESS));
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
function setting(name) {
  return process.env[name]
    ?.trim()
    .replace(/^(["'])(.*)\1$/su, "$2")
    .trim();
}
function parsed2(address2) {
  const url = URL.canParse(address2) ? new URL(address2) : null;
  if (url?.hostname && ["http:", "https:", "pubsub:"].includes(url.protocol)) return url;
  throw invalid("address", `must be http://…, https://… or pubsub://project, not ${JSON.stringify(address2)}`);
}

var IDLE_MS = 2e3;
var client = null;
var calls = 0;
var closing;
async function made(build, { signal, ...fields } = {}) {
  return await withClient(signal, async (open) => {
    const order = await build(signal);
    return await open().generate({ ...order, ...requestOf(fields) }, { signal });
  });
}
async function withClient(signal, work) {
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
async function inOrder(items, atOnce, work) {
  const results = [];
  const left = items.entries();
  const worker = async () => {
    for (const [index, item] of left) results[index] = await work(item, index);
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(atOnce, items.length)) }, worker));
  return results;
}
function close() {
  const idle = client;
  client = null;
  idle?.close().catch(() => {});
}
function inOldWords(error) {
  if (!(error instanceof ReelbusError)) return error;
  const words = error.status
    ? `Python API error: ${error.status} - ${error.detail}`
    : `Python Video Generation API Error: ${error.message}`;
  return Object.assign(new ReelbusError(words, error), { cause: error });
}

var WITHIN_MS = 3e4;
async function fetchedImage(address2, signal) {
  if (!URL.canParse(address2)) throw invalid("reference_image", "must be an address that can be fetched");
  const limit = AbortSignal.timeout(WITHIN_MS);
  try {
    const response = await fetch(address2, { signal: signal ? AbortSignal.any([signal, limit]) : limit });
    if (response.ok) return await bytesOf(response);
    const words = `must be an image that can be fetched: ${shown3(address2)} answered ${response.status}`;
    await response.body?.cancel();
    throw invalid("reference_image", words);
  } catch (error) {
    signal?.throwIfAborted();
    if (error.name !== "TimeoutError" && !(error instanceof TypeError)) throw error;
    const words = error.cause?.code ?? error.cause?.message ?? error.message;
    throw unreachable(`the storyboard image ${shown3(address2)} can't be fetched (${words})`, {
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
function shown3(address2) {
  const { origin, pathname } = new URL(address2);
  return origin + pathname;
}

var IMAGE_KEYS = ["reference_image", "last_image", "reference_images"];
var PROJECT_AT_MOST = 128;
var NOT_IN_PROJECT = new RegExp(`[${SPACES}/]`, "gu");
function knownPart(sceneData) {
  const entries = Object.entries(sceneData ?? {});
  const left = entries.map(([name]) => name).filter((name) => !SCENE_KEYS.includes(name));
  if (left.length) answered("scene keys left out", left);
  const known = entries.filter(([name, value]) => SCENE_KEYS.includes(name) && value !== void 0);
  return Object.fromEntries(
    known.map(([name, value]) => [name, TEXT_KEYS.includes(name) ? textOf(name, value) : value]),
  );
}
var fromScene = (sceneData) => ({ scene: knownPart(sceneData) });
function projectOf(projectId) {
  const plain2 = typeof projectId?.toJSON === "function" ? projectId.toJSON() : projectId;
  if (plain2 === void 0 || plain2 === null) return void 0;
  if (typeof plain2 !== "string" && !isNumber(plain2)) throw invalid("project_id", "must be a text or a number");
  const encoded = stripped(String(plain2)).replace(NOT_IN_PROJECT, (character) => encodeURIComponent(character));
  const length = lengthOf(encoded);
  if (length <= PROJECT_AT_MOST) return encoded || void 0;
  throw invalid("project_id", `must have at most ${PROJECT_AT_MOST} characters, not ${length}`);
}
async function referenceOf(image, signal) {
  if (!image) return void 0;
  if (image instanceof Uint8Array) return inlined(Buffer.from(image));
  if (typeof image !== "string") throw invalid("reference_image", "must be a text or the bytes of an image");
  const text2 = stripped(image);
  if (/^https?:\/\//i.test(text2)) return inlined(await fetchedImage(text2, signal));
  return plainDataUrl(/^[a-z]+:/i.test(text2) ? text2 : `data:;base64,${text2}`) ?? text2;
}
async function knownStoryboard(given, signal) {
  const { project_id, defaults, scenes, ...rest } = withApiNames(given ?? {});
  const withImages = async (part) => {
    const images = Object.entries(part ?? {}).filter(([name, value]) => IMAGE_KEYS.includes(name) && value);
    const read2 = images.map(async ([name, value]) => [name, await imagesOf(value, signal)]);
    return part && { ...part, ...Object.fromEntries(await Promise.all(read2)) };
  };
  const known = async (entry) => {
    const part = await withImages(entry);
    return part?.scene ? { ...part, scene: knownPart(part.scene) } : part;
  };
  return {
    ...rest,
    project_id: projectOf(project_id),
    defaults: await withImages(defaults),
    scenes: Array.isArray(scenes) ? await Promise.all(scenes.map(known)) : scenes,
  };
}
var imagesOf = (value, signal) =>
  Array.isArray(value) ? Promise.all(value.map((image) => referenceOf(image, signal))) : referenceOf(value, signal);
function inlined(bytes) {
  const kind = kindOf(bytes);
  if (kind) return `data:${kind};base64,${bytes.toString("base64")}`;
  throw invalid("reference_image", "must be a PNG, JPEG or WebP image; its bytes are something else");
}
function textOf(name, value) {
  if (value === null || typeof value === "string") return value;
  if (isNumber(value)) return String(value);
  throw invalid(`scene.${name}`, "must be a text");
}
var isNumber = (value) => Number.isFinite(value) || typeof value === "bigint";

var SCENES_AT_ONCE = 4;
var SCENES_AT_ONCE_AT_MOST = 1e3;
var IN_WORDS = /\b([0-9]{1,2})[- ]?s(?:ec(?:ond)?s?)?\s+duration\b|\bduration:?\s*([0-9]{1,2})\s*s(?:ec(?:ond)?s?)?\b/i;
async function callPythonVideoGenerationAPI(prompt, durationSeconds = 5, quality = "fast", options = {}) {
  return withOldNames(await made(() => ({ prompt, duration_seconds: durationSeconds, quality }), options));
}
async function callVeoAPIAndUploadToGCS(imageBase64, description, projectId, sceneIndex = 0, options = {}) {
  const duration = durationIn(description);
  const video = await made(
    async (signal) => ({
      ...place(projectId, sceneIndex),
      prompt: description,
      reference_image: await referenceOf(imageBase64, signal),
      ...(duration && { duration_seconds: duration }),
    }),
    options,
  );
  return video.video_url;
}
async function generateVideoFromPrompt(prompt, duration = 5, quality = "fast", options = {}) {
  const video = await callPythonVideoGenerationAPI(prompt, duration, quality, options);
  return {
    success: true,
    videoUrl: video.video_url,
    videoId: video.video_id,
    prompt: video.prompt,
    duration: video.duration_seconds,
    quality: video.quality,
    generatedAt: video.generation_time,
    gcsPath: video.gcs_path,
    metadata: metadataOf(video),
  };
}
async function generateVideoWithVeo(imageBase64, sceneData, projectId, sceneIndex = 0, options = {}) {
  return (await sceneVideo(imageBase64, sceneData, projectId, sceneIndex, options)).video_url;
}
async function generateMultipleSceneVideos(sceneDataArray, imageBase64, projectId, options = {}) {
  const { concurrency = SCENES_AT_ONCE, ...rest } = options;
  try {
    if (!Array.isArray(sceneDataArray)) throw invalid("sceneDataArray", "must be a list of scenes");
    whole(1, SCENES_AT_ONCE_AT_MOST)("concurrency", concurrency);
  } catch (error) {
    throw inOldWords(error);
  }
  const results = await inOrder(sceneDataArray, concurrency, async (sceneData, index) => {
    const image = Array.isArray(imageBase64) ? imageBase64[index] : (imageBase64 ?? sceneData?.imageBase64);
    const outcome = await sceneVideo(image, sceneData, projectId, index, rest).catch((error) => ({
      error: error ?? {},
    }));
    return sceneResult(index, outcome);
  });
  const { signal } = rest;
  if (signal?.aborted && signal.reason instanceof Error) signal.reason.videoIds = results.map(({ videoId }) => videoId);
  signal?.throwIfAborted();
  return results;
}
async function generateFilm(storyboard, { signal, listener } = {}) {
  return await withClient(signal, async (open) => {
    const known = await knownStoryboard(storyboard, signal);
    const client2 = open();
    return await (client2.http ?? client2).generateFilm(known, { signal, listener });
  });
}
function buildVideoPrompt(combinedSceneData) {
  try {
    return buildPrompt(knownPart(combinedSceneData));
  } catch (error) {
    throw inOldWords(error);
  }
}
async function sceneVideo(imageBase64, sceneData, projectId, sceneIndex, options) {
  const order = async (signal) => ({
    ...place(projectId, sceneIndex),
    ...fromScene(sceneData),
    reference_image: await referenceOf(imageBase64, signal),
  });
  return await made(order, options);
}
function sceneResult(index, { error, ...video }) {
  return {
    sceneNumber: index + 1,
    videoUrl: video.video_url ?? null,
    videoId: video.video_id ?? error?.videoId ?? null,
    duration: video.duration_seconds ?? null,
    gcsPath: video.gcs_path ?? null,
    error: error ? (error.message ?? String(error)) : null,
  };
}
var place = (projectId, sceneIndex) => ({
  project_id: projectOf(projectId),
  scene_index: sceneIndex ?? void 0,
});
function durationIn(description) {
  const found = IN_WORDS.exec(description ?? "");
  const seconds = Number(found?.[1] ?? found?.[2]);
  return seconds >= 1 && seconds <= 30 ? seconds : null;
}
function metadataOf({
  model,
  width,
  height,
  aspect_ratio,
  resolution,
  billed_seconds,
  cost_usd,
  labels: labels2,
  timings,
}) {
  return {
    model,
    width,
    height,
    aspectRatio: aspect_ratio,
    resolution,
    billedSeconds: billed_seconds,
    costUsd: cost_usd,
    labels: labels2,
    timings,
  };
}
export {
  ReelbusError,
  buildVideoPrompt,
  callPythonVideoGenerationAPI,
  callVeoAPIAndUploadToGCS,
  generateFilm,
  generateMultipleSceneVideos,
  generateVideoFromPrompt,
  generateVideoWithVeo,
};
