/**
 * Films: a storyboard of up to 60 scenes becomes one video.
 *
 * A film is named by its `filmId` and its `revision`. So the same call finds the same film, also after a crash of this
 * process or a lost answer, and may be sent again while a facade does not answer. No scene is paid twice.
 */

import { Batches } from "./batch.js";
import { failureOf, ReelbusError } from "./errors.js";
import { pattern, whole } from "./fields.js";
import { invalid } from "./invalid.js";
import { asked } from "./log.js";
import { withApiNames } from "./names.js";
import { sleep } from "./patience.js";
import { isAway, RepeatableCalls } from "./repeatable.js";
import { hasEnded } from "./video.js";
import { wire } from "./wire.js";

const PATH = "/api/films";
const LOOK_EVERY_MS = 500;
const LOOK_EVERY_AT_MOST_MS = 5_000;
/** A worker looks at a held film once a minute. */
const HELD_AT_MOST_MS = 120_000;
const GOES_ON = ["planned", "rendering", "joining"];

const filmIdOf = pattern(/^[A-Za-z0-9_-]{1,64}$/, "must have 1 to 64 letters, digits, hyphens and underscores");
const sceneOf = pattern(/^[A-Za-z0-9_-]{1,47}$/, "must have 1 to 47 letters, digits, hyphens and underscores");
const takeOf = whole(1, 1000);

/** The calls about films: a part of the client of one facade. */
export class Films extends Batches {
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
    return await this.#calls.once("POST", `${PATH}/plan`, { body: bodyOf(storyboard), signal });
  }

  /** Orders all new scenes, or none. Gives the film at once: it goes on. */
  async orderFilm(storyboard, { signal } = {}) {
    return await this.#calls.send("POST", PATH, { body: bodyOf(storyboard), signal, passes: mayPass });
  }

  /** The film with the state of each scene. */
  async film(filmId, { signal } = {}) {
    return await this.#calls.once("GET", pathOf(filmId), { signal });
  }

  /** The film when it has a file. `listener` gets it at each look. Throws if it ends without one, or has a new revision. */
  async waitForFilm(filmId, { signal, listener = () => {}, revision } = {}) {
    const patience = this.#calls.patience();
    let heldSince = null;
    for (let pauseMs = LOOK_EVERY_MS; ; pauseMs = Math.min(pauseMs * 1.1, LOOK_EVERY_AT_MOST_MS)) {
      const film = await this.#calls.send("GET", pathOf(filmId), { signal, patience });
      if (film.revision !== (revision ?? film.revision)) throw revised(film);
      revision = film.revision;
      listener(film);
      if (film.state === "succeeded") return film;
      heldSince = film.state === "held" ? (heldSince ?? performance.now()) : null;
      if (!goesOn(film, performance.now() - heldSince)) throw endOf(film);
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
    const body = wire({ take: takeOf("take", take), max_cost_usd: maxCostUsd });
    return await this.#calls.send("POST", path, { body, signal, passes: mayPass });
  }
}

/** The storyboard as it is sent. The facade checks it. */
function bodyOf(given) {
  if (given === null || typeof given !== "object" || Array.isArray(given)) throw invalid("", "must be an object");
  const storyboard = withApiNames(given);
  const { film_id, revision, scenes } = storyboard;
  asked("film", { film_id, revision, scenes: scenes?.length });
  return wire(storyboard);
}

const pathOf = (filmId) => `${PATH}/${filmIdOf("film_id", filmId)}`;

/** Whether the call may succeed soon: also while too many jobs of this caller are queued. */
const mayPass = (error) => isAway(error) || error.status === 429;

/** Whether the film goes on by itself. A held one does if a person has replayed its scenes. */
function goesOn({ state, scenes }, heldMs) {
  if (state !== "held") return GOES_ON.includes(state);
  const hasVideos = scenes.every((scene) => scene.state === "succeeded");
  return hasVideos ? heldMs < HELD_AT_MOST_MS : scenes.some((scene) => !hasEnded(scene.state));
}

/** Why the film has no file. `film` of the error has each scene: what is paid is kept. */
function endOf(film) {
  const message = `film ${film.film_id} is ${film.state}`;
  const reason = film.error ?? { category: "cancelled", code: "cancelled", message, retryable: false };
  return Object.assign(failureOf(reason, null, { charged: chargedOf(film) }), {
    film,
    detail: `${message}. ${reason.message}`,
  });
}

function chargedOf({ scenes, cost_usd }) {
  if (scenes.some((scene) => scene.error?.charged === "unknown")) return "unknown";
  return cost_usd > 0 ? "yes" : "no";
}

function revised(film) {
  const message = `film ${film.film_id} is at revision ${film.revision} already`;
  return Object.assign(
    new ReelbusError(message, { category: "conflict", code: "id_reused", charged: chargedOf(film) }),
    { film },
  );
}
