/**
 * Notes the calls of this machine that have no answer yet, as empty files in the folder for temporary files. If a process
 * ends before its answer arrives, the next process that makes the same call takes over the id of its job.
 *
 * The name of a file is `digest.id.host.pid.start`: no word of the request is in it. Without a folder that belongs to
 * this user alone nothing is noted; then a facade still knows which of its callers left without an answer.
 */

import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";

const KEPT_MS = 30 * 60_000; // as long as a facade keeps it
const TOUCH_EVERY_MS = 60_000;
const LOOK_EVERY_MS = 1_000;
const NAME = /^([0-9a-f]{64})\.([0-9a-f-]{36})\.([0-9a-f]{8})\.([0-9]{1,10})\.([0-9]{1,12})$/;
const HOST = createHash("sha256").update(hostname()).digest("hex").slice(0, 8);
const STARTED_S = Math.round(Date.now() / 1000 - process.uptime());
const START_NOISE_S = 2; // a process may load this module twice, and its clock may be set between

/** The calls of this process, and those that other processes left. A failure of the disk only loses the note. */
export class Journal {
  #folder;
  #isUsable = null;
  #own = new Map(); // id of a job → its file, and whether its call still runs
  #left = new Map(); // digest → files of processes that have ended
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
      // Of several processes only one can rename it.
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
    if (now - this.#lookedAt < LOOK_EVERY_MS) return;
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
    const now = new Date();
    for (const { file, runs } of this.#own.values()) {
      if (runs) quietly(() => utimesSync(join(this.#folder, file), now, now));
    }
  }

  /** Whether the folder is there and belongs to this user alone: another user could choose ids otherwise. */
  #check() {
    if (this.#isUsable !== null) return this.#isUsable;
    this.#isUsable = false;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const { uid, mode } = lstatSync(this.#folder);
    this.#isUsable = !process.getuid || (uid === process.getuid() && (mode & 0o077) === 0);
    return this.#isUsable;
  }
}

const fileOf = (digest, id) => `${digest}.${id}.${HOST}.${process.pid}.${STARTED_S}`;

/** Whether the process that made a note still runs. A number may be used again: then the note is left alone. */
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
    return undefined;
  }
}
