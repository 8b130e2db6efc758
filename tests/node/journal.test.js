// Which calls of ended processes a process takes over, and which it leaves alone.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { Journal } from "../../publisher/node/src/journal.js";

const MODULE = new URL("../../publisher/node/src/journal.js", import.meta.url).href;
const DIGEST = "a".repeat(64);
const OTHER = "b".repeat(64);
const ID = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";
const OTHER_ID = "3f2504e0-4f89-41d3-9a0c-0305e82c3302";

const folderOf = () => mkdtempSync(join(tmpdir(), "journal-"));

/** What a process of its own prints, that begins a call and then does `then`. */
function left(folder, then = "") {
  const program = `import { Journal } from "${MODULE}";
    const journal = new Journal("${folder}");
    journal.begin("${DIGEST}", "${ID}");
    ${then}`;
  const { stdout, status } = spawnSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" });
  assert.equal(status, 0);
  return stdout.trim();
}

test("a call of a process that ended is taken over once, and only by the same call", () => {
  const folder = folderOf();
  left(folder);
  const first = new Journal(folder);
  assert.equal(first.take(OTHER), null);
  assert.equal(first.take(DIGEST), ID);
  assert.equal(first.take(DIGEST), null);
  assert.equal(new Journal(folder).take(DIGEST), null, "this process has it, and runs");
  first.end(DIGEST, ID, ID);
  assert.deepEqual(readdirSync(folder), []);
});

test("a call that was answered is not taken over, one that was left is", () => {
  const folder = folderOf();
  left(folder, `journal.end("${DIGEST}", "${ID}", "${ID}");`);
  assert.equal(new Journal(folder).take(DIGEST), null);
  left(folder, `journal.leave("${ID}");`);
  assert.equal(new Journal(folder).take(DIGEST), ID);
});

test("an answer about the job of another process ends the note of that process too", () => {
  const folder = folderOf();
  left(folder);
  const journal = new Journal(folder);
  journal.begin(DIGEST, OTHER_ID);
  journal.end(DIGEST, OTHER_ID, ID);
  assert.equal(journal.take(DIGEST), null);
  assert.deepEqual(readdirSync(folder), []);
});

test("of two that take it over only one gets it", () => {
  const folder = folderOf();
  left(folder);
  const [mine, theirs] = [new Journal(folder), new Journal(folder)];
  assert.equal(mine.take(OTHER) ?? theirs.take(OTHER), null, "both have seen it");
  assert.deepEqual([mine.take(DIGEST), theirs.take(DIGEST)], [ID, null]);
});

test("a call of a process that runs, or of another machine, is left alone", () => {
  const folder = folderOf();
  left(folder);
  const [file] = readdirSync(folder);
  const [digest, id, host, , started] = file.split(".");
  const journal = new Journal(folder);
  writeFileSync(join(folder, [OTHER, id, host, process.ppid, started].join(".")), "");
  assert.equal(journal.take(OTHER), null);
  const elsewhere = folderOf();
  writeFileSync(join(elsewhere, [digest, id, "00000000", "1", started].join(".")), "");
  assert.equal(new Journal(elsewhere).take(DIGEST), null);
});

test("what is too old is deleted, and what is no note is not touched", () => {
  const folder = folderOf();
  left(folder);
  const hourAgo = new Date(Date.now() - 3_600_000);
  utimesSync(join(folder, readdirSync(folder)[0]), hourAgo, hourAgo);
  writeFileSync(join(folder, "notes.txt"), "");
  assert.equal(new Journal(folder).take(DIGEST), null);
  assert.deepEqual(readdirSync(folder), ["notes.txt"]);
});

test("a folder that others may use, or that can't be made, is not used", () => {
  const folder = folderOf();
  left(folder);
  chmodSync(folder, 0o755);
  assert.equal(new Journal(folder).take(DIGEST), null);
  const none = new Journal("/dev/null/reelbus");
  none.begin(DIGEST, ID);
  assert.equal(none.take(DIGEST), null);
  none.end(DIGEST, ID, OTHER_ID);
});
