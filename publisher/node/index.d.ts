import type {
  BatchPlan,
  BatchView,
  DeadLetterDetail,
  DeadLetterDone,
  DeadLetters,
  Evidence,
  FilmPlan,
  FilmView,
  Health,
  Listing,
  PaymentView,
  Purge,
  Quote,
  Resolved,
  SpendReport,
  Trouble,
  VideoPlan,
} from "./types/api.js";
import type { CancelRequest } from "./types/cancel.js";
import type { Completion } from "./types/completion.js";
import type { FilmRequest } from "./types/film.js";
import type { FilmCompletion } from "./types/film_completion.js";
import type { Scene, VideoRequest } from "./types/request.js";
import type { Category, Charged, JobView } from "./types/view.js";

export type { CancelRequest, Category, Charged, Completion, FilmCompletion, FilmRequest, JobView, Scene, VideoRequest };
export type {
  BatchPlan,
  BatchView,
  DeadLetterDetail,
  DeadLetterDone,
  DeadLetters,
  Evidence,
  FilmPlan,
  FilmView,
  Health,
  Listing,
  PaymentView,
  Purge,
  Quote,
  Resolved,
  SpendReport,
  Trouble,
  VideoPlan,
};

type Camel<Name> = Name extends `${infer First}_${infer Rest}` ? `${First}${Capitalize<Camel<Rest>>}` : Name;

type Own = "labels" | "attributes" | "body" | "scene";

/** With each key under both names, `video_id` and `videoId`, at every level. */
export type Named<T> = T extends readonly (infer Item)[]
  ? Named<Item>[]
  : T extends object
    ? { [Key in keyof T as Key | Camel<Key>]: Key extends Own ? T[Key] : Named<T[Key]> }
    : T;

type EitherName<T> = { [Key in keyof T as Key | Camel<Key>]: T[Key] };

/** A request, with its keys in camelCase or as the HTTP API has them. If it names no id, one is chosen for you. */
export type Order = EitherName<Omit<VideoRequest, "job_id"> & { job_id?: string }>;

/** A finished video. */
export type Video = Named<VideoFields>;

/** A finished video in the keys of the HTTP API only, as the old service returned it. */
export type OldVideo = VideoFields;

interface VideoFields extends Pick<
  JobView,
  | "video_id"
  | "prompt"
  | "duration_seconds"
  | "quality"
  | "aspect_ratio"
  | "resolution"
  | "model"
  | "billed_seconds"
  | "cost_usd"
  | "labels"
  | "timings"
> {
  success: true;
  state: "succeeded";
  video_url: string;
  /** Name in the video store, under `generated-videos/`. */
  gcs_path: string;
  /** When it was finished: ISO 8601 in UTC. */
  generation_time: string;
  width: number;
  height: number;
  project_id?: string | null;
  scene_index?: number | null;
  /** Only over HTTP. */
  poster_url?: string | null;
}

/** A job's `state` or `progress`, as the event stream tells it. */
export type Progress = Named<ProgressFields>;

interface ProgressFields {
  event: "state" | "progress";
  state: JobView["state"];
  /** 0 to 1: the local renderer's frames; an estimate for other models. */
  progress: number;
  queue_position?: number | null;
  waiting_for?: string | null;
  at?: string;
}

export interface CallOptions {
  /** Ends the wait, never the job. Its reason is thrown. */
  signal?: AbortSignal;
  /** A W3C trace context to go on with; over Pub/Sub. */
  traceparent?: string;
}

export interface WaitOptions extends CallOptions {
  /** The job's own request: over Pub/Sub it asks again for a job that ended before this client listened. */
  request?: Order;
}

/** A job that was accepted. Over Pub/Sub only its id and state are known. */
export type Submitted = Named<Pick<JobView, "video_id" | "state"> & Partial<JobView>>;

export interface Client {
  /** The video, however long it takes. */
  generate(request: Order, options?: CallOptions): Promise<Video>;
  /** The job, once its request is safe. */
  submit(request: Order, options?: CallOptions): Promise<Submitted>;
  /** The video of a job that was submitted before, here or elsewhere. */
  wait(videoId: string, options?: WaitOptions): Promise<Video>;
  /**
   * Ends a job that nobody wants any more. Over HTTP it gives the job after the wish; a `reason` goes over Pub/Sub, and
   * so does the `life` that is meant: 1, and one more for each replay.
   */
  cancel(videoId: string, options?: CallOptions & { reason?: string; life?: number }): Promise<Named<JobView> | void>;
  /** The job as it stands; by HTTP. */
  status(videoId: string, options?: CallOptions): Promise<Named<JobView>>;
  /** Calls `listener` with every state and every progress, and gives the job at its end; by HTTP. */
  onProgress(videoId: string, listener: (news: Progress) => void, options?: CallOptions): Promise<Named<JobView>>;
  /** Clips, price, time and what would refuse the video. Nothing is made or written. By HTTP. */
  plan(request: Order, options?: Signal): Promise<Named<VideoPlan>>;
  /** A page of jobs, the newest first. It may be short although `nextCursor` is set. By HTTP. */
  list(filters?: Filters, options?: Signal): Promise<Named<Listing>>;
  /** Lets go of the connection and, over Pub/Sub, of this process's own subscription. */
  close(): Promise<void>;
}

/** Which jobs to list. All conditions hold together; `q` and `label` can't be combined. */
export interface Filters {
  /** One word: an id or its first 8 characters, a label or its value, a project, a model, a state. */
  q?: string;
  state?: JobView["state"];
  projectId?: string;
  project_id?: string;
  model?: string;
  /** `key=value` */
  label?: string;
  /** Only for an operator. */
  caller?: string;
  limit?: number;
  cursor?: string;
}

/** Up to 100 requests that become jobs together, or not at all. No two of them may be identical. */
export type Batch = EitherName<{
  /** Names the batch: the same call again is the same jobs. Without it the requests name the batch. */
  batch_id?: string;
  /** The planned prices may not exceed this together. */
  max_cost_usd?: number;
  /** The lane of the requests that name none. */
  priority?: VideoRequest["priority"];
  requests: Omit<Order, "job_id" | "jobId">[];
}>;

/** What a caller gives, with its keys in camelCase or as the HTTP API has them, at every level. */
type Given<T> = T extends readonly (infer Item)[]
  ? Given<Item>[]
  : T extends object
    ? { [Key in keyof T as Key extends Camel<Key> ? Key : never]: Key extends Own ? T[Key] : Given<T[Key]> } & {
        [Key in keyof T as Key extends Camel<Key> ? never : Key | Camel<Key>]?: Given<T[Key]>;
      }
    : T;

/** Up to 60 scenes that become one video: docs/film.md has its fields. Raise `revision` with each change. */
export type Storyboard = Given<FilmRequest> & ({ filmId: string } | { film_id: string });

/** A film and its scenes, in the order of the storyboard. */
export type Film = Named<FilmView>;

export interface FilmOptions extends Signal {
  /** Gets the film at each look. */
  listener?: (film: Film) => void;
}

interface Signal {
  signal?: AbortSignal;
}

/** A client over HTTP: it can also ask for spend, replays and, with an operator's key, for trouble. */
export interface HttpClient extends Client {
  /** The price of the whole batch and of each video, and what would refuse it. Nothing is made or written. */
  planBatch(batch: Batch, options?: Signal): Promise<Named<BatchPlan>>;
  /** Orders all of its videos, or none. It is sent again while the facade is away. */
  orderBatch(batch: Batch, options?: Signal): Promise<Named<BatchView>>;
  /** How many jobs are in each state, and each job. */
  batch(batchId: string, options?: Signal): Promise<Named<BatchView>>;
  /** The batch when all of its jobs have ended. Calls `listener` with it at each look. */
  waitForBatch(
    batchId: string,
    options?: Signal & { listener?: (batch: Named<BatchView>) => void },
  ): Promise<Named<BatchView>>;
  /**
   * The finished film: ordered unless it exists, and waited for. The same call again, also in another process, finds the
   * same film. If it ends without a file, the error has the `film`.
   */
  generateFilm(storyboard: Storyboard, options?: FilmOptions): Promise<Film>;
  /** The price, scene by scene: what is new, and what exists. Nothing is made or written. */
  planFilm(storyboard: Storyboard, options?: Signal): Promise<Named<FilmPlan>>;
  /** Orders all new scenes, or none. It is sent again while the facade is away. */
  orderFilm(storyboard: Storyboard, options?: Signal): Promise<Film>;
  /** The film as it is. */
  film(filmId: string, options?: Signal): Promise<Film>;
  /** The film when it has a file. */
  waitForFilm(filmId: string, options?: FilmOptions): Promise<Film>;
  /** No scene is sent any more. What was sent is paid, and kept. */
  cancelFilm(filmId: string, options?: Signal): Promise<Film>;
  /** Orders the next revision with another take of one scene; a repeated call pays once. */
  retakeScene(filmId: string, which: { scene: string; take: number; maxCostUsd?: number } & Signal): Promise<Film>;
  /** What was spent since a day such as `2026-01-31`, or since the month began. */
  spend(which?: { since?: string }, options?: Signal): Promise<Named<SpendReport>>;
  /** What a replay of the job would pay for. */
  quoteReplay(videoId: string, options?: Signal): Promise<Named<Quote>>;
  /** Queues a job that ended without a video again. If that pays, `pay` and `life` must be those of the quote. */
  replay(videoId: string, agreed?: { life?: number; pay?: number } & Signal): Promise<Named<JobView>>;
  /** The evidence about clips of which it is unknown whether they were charged. */
  evidence(videoId: string, options?: Signal): Promise<Named<Evidence>>;
  /** Decides about such a clip; `resubmit` needs `pay`. */
  resolve(
    videoId: string,
    decision: {
      decision: "charged" | "not_charged" | "resubmit";
      clip: number;
      attempt: number;
      pay?: number;
    } & Signal,
  ): Promise<Named<Resolved>>;
  /** Erases prompt, image and video of an ended job. It can't be undone. */
  erase(videoId: string, options?: Signal): Promise<Named<Purge>>;
  /** Messages that are not delivered any more. */
  deadLetters(which?: { limit?: number }, options?: Signal): Promise<Named<DeadLetters>>;
  /** One of them, with its body, and what its replay would pay for. */
  deadLetter(letterId: string, options?: Signal): Promise<Named<DeadLetterDetail>>;
  /** Publishes it again; if that pays, `pay` must be that of its quote. */
  replayDeadLetter(letterId: string, agreed?: { pay?: number } & Signal): Promise<Named<DeadLetterDone>>;
  /** Deletes it. Its job stays unchanged. */
  dropDeadLetter(letterId: string, options?: Signal): Promise<Named<DeadLetterDone>>;
  /** Dead letters, doubtful submits, late clips and overdue jobs. */
  trouble(options?: Signal): Promise<Named<Trouble>>;
  /** Jobs by state, what waits, and the workers. */
  workers(options?: Signal): Promise<Named<Health>>;
}

/** A client over Pub/Sub. */
export interface PubSubClient extends Client {
  /** The client of the facade at `httpUrl`; throws if the client was given none. */
  readonly http: HttpClient;
}

export interface ClientOptions {
  /** For a facade that asks for one; `REELBUS_API_KEY` else. */
  apiKey?: string;
  /** How long a facade may be away, in milliseconds, before a wait gives up; two minutes. */
  awayAtMostMs?: number;
  /** Over Pub/Sub: a long-lived subscription on `video-completions`; else one of this process's own. */
  subscription?: string;
  /** Over Pub/Sub: false for a client that only submits and cancels. */
  listen?: boolean;
  /** Over Pub/Sub: the facade to ask for `status`, `onProgress` and jobs that ended before this client listened. */
  httpUrl?: string;
  /** Over Pub/Sub: how often a waiting request is published again, in milliseconds, in case an answer got lost. */
  remindMs?: number;
}

/**
 * A client of the reelbus at `address`: `http(s)://…` or `pubsub://project[?subscription=name]`. Without one,
 * `REELBUS_URL` is read, then `PYTHON_API_URL`, and else it is `http://localhost:8000`. Opens nothing until it is used.
 */
export function createClient(address: `pubsub://${string}`, options?: ClientOptions): PubSubClient;
export function createClient(address: `http://${string}` | `https://${string}`, options?: ClientOptions): HttpClient;
export function createClient(address?: string, options?: ClientOptions): Client;

/** Why there is no video. */
export class ReelbusError extends Error {
  readonly category: Category;
  /** Stable machine name, for example `submit_unknown`. */
  readonly code: string;
  /** The field at fault, for an invalid request. */
  readonly field: string | null;
  /** True where sending the same request again may succeed. */
  readonly retryable: boolean;
  /** Whether money was spent, as far as anybody knows. */
  readonly charged: Charged;
  /** The job, which can be asked for; null where there is none. */
  readonly videoId: string | null;
  /** The HTTP status that stands for it; null where nobody answered. */
  readonly status: number | null;
  /** One sentence, as the HTTP API says it. */
  readonly detail: string;
  /** After how many seconds the server asks for the same call again; null where it names no time. */
  readonly retryAfter: number | null;
  /** With the code `payment_due`: what the call would pay. */
  readonly priceUsd?: number;
  readonly payments?: Named<PaymentView>[];
  /** Of a film that ended without a file: its scenes with their states and errors. What is paid is kept. */
  readonly film?: Film;
}

/** The end of a job, as a message or a webhook says it. Either `video` or `error` is set. */
export interface CompletionEvent {
  /** The same for each repeat of the message: drop one that you have handled. */
  eventId: string | null;
  /** For example `reelbus.video.succeeded.v1`. */
  type: string | null;
  /** The id on the bus; null for a rejected message without one. */
  jobId: string | null;
  /** The id that its caller chose. */
  videoId: string | null;
  /** Whose job it is; only where the facade asks for keys, and not in a webhook. */
  caller: string | null;
  state: Completion["state"];
  video: Video | null;
  error: ReelbusError | null;
  /** What is wrong with a video that was delivered nevertheless. */
  defect: string | null;
  /** All of the message. */
  completion: Named<Completion>;
}

/**
 * Reads a completion: a message of `@google-cloud/pubsub`, the body of a push delivery, or the body of a webhook (an
 * object, a text or bytes). null for a message of another type, which needs no handling. Throws a ReelbusError with the
 * code `unreadable` for all else. Verify a webhook or a push before you decode it.
 */
export function decodeCompletion(message: unknown): CompletionEvent | null;

/** The end of a revision of a film, as a message or a webhook says it. */
export interface FilmCompletionEvent {
  /** The same for each repeat of the message: drop one that you have handled. */
  eventId: string | null;
  /** For example `reelbus.film.succeeded.v1`. */
  type: string | null;
  /** The id that its caller chose, in a webhook; the stored id on the bus. */
  filmId: string;
  revision: number | null;
  state: FilmCompletion["state"];
  /** All of the message. */
  film: Named<FilmCompletion>;
  /** Why the film has no file; null if it has one. A held film waits for a person. */
  error: ReelbusError | null;
}

/**
 * Reads the end of a film, from all that `decodeCompletion` takes. null for a message of another type, such as the end of
 * a video. Throws a ReelbusError with the code `unreadable` for all else. Verify a webhook or a push before you decode it.
 */
export function decodeFilmCompletion(message: unknown): FilmCompletionEvent | null;

/** A request in the names of the API, as it goes on the bus: with its prompt, duration and defaults. Throws what the worker would say. */
export function checkedRequest(request: VideoRequest): VideoRequest;

/** The text prompt that a worker builds from this scene, byte by byte. */
export function buildPrompt(scene: Scene): string;

/** Whole seconds that hold the scene, or null where it names no end. */
export function durationOf(scene: Scene): number | null;
