// Generated from the JSON Schema of the same name by scripts/types.js. Do not edit.

/**
 * How a completion message ends a request.
 */
export type Outcome = "succeeded" | "failed" | "cancelled" | "expired" | "rejected";
/**
 * An end of a job that a webhook reports.
 */
export type WebhookEvent = "succeeded" | "failed" | "cancelled" | "expired" | (string & {});
/**
 * The kind of a failure. It decides the HTTP status of the answer.
 */
export type Category =
  | "invalid_request"
  | "safety_filter"
  | "auth"
  | "not_found"
  | "conflict"
  | "quota"
  | "capacity"
  | "budget"
  | "cancelled"
  | "expired"
  | "timeout"
  | "upstream"
  | "storage"
  | "internal"
  | (string & {});
/**
 * Whether the provider charged for a call, as far as it is known.
 */
export type Charged = "yes" | "no" | "unknown";

/**
 * The end of a job (`reelbus.video.{succeeded,failed,cancelled,expired,rejected}.v1`).
 *
 * `rejected` is about a message and not about a job: the message was invalid, or a different request uses its id
 * already. Readers accept what a later version writes: keys and words that they don't know change nothing.
 */
export interface Completion {
  /**
   * None only if a rejected message has no usable id.
   */
  job_id?: string | null;
  /**
   * 1, and one more for each replay of an ended job.
   */
  life?: number;
  state: Outcome;
  request?: VideoRequest | null;
  /**
   * Name in the video store, under generated-videos/.
   */
  gcs_path?: string | null;
  video_url?: string | null;
  poster_path?: string | null;
  width?: number | null;
  height?: number | null;
  duration_seconds?: number | null;
  model?: string | null;
  billed_seconds?: number;
  cost_usd?: number;
  error?: Failure | null;
  timings?: Timings;
  labels?: Labels1;
  /**
   * What a look at the video found; only if the workers are set to send it.
   */
  checks?: Checks | null;
  /**
   * Since then the prompt and the files are gone.
   */
  erased_at?: string | null;
}
/**
 * A request for one video (`reelbus.video.requested.v1`). A null counts as an absent key.
 */
export interface VideoRequest {
  /**
   * Idempotency key, chosen by the caller before it sends.
   */
  job_id: string;
  /**
   * Prompt and duration are built from it if they are absent.
   */
  scene?: Scene | null;
  /**
   * Blanks at its ends are removed.
   */
  prompt?: string;
  /**
   * Whole seconds, exact to a frame.
   */
  duration_seconds?: number;
  /**
   * The two names that callers use. Settings say which models each one stands for.
   */
  quality?: "fast" | "quality" | (string & {});
  aspect_ratio?: "16:9" | "9:16" | (string & {});
  resolution?: "720p" | "1080p" | "4k" | (string & {});
  negative_prompt?: string | null;
  style?: string | null;
  seed?: number | null;
  generate_audio?: boolean;
  /**
   * First frame: a data: URL (PNG, JPEG, WebP; 20 MB at most, 7 MB on the bus) or a gs:// URI.
   */
  reference_image?: string | null;
  /**
   * Last frame, as `reference_image` is the first one. No clip is cut or extended then.
   */
  last_image?: string | null;
  /**
   * What the video has to show, for example a person or a product: images as in `reference_image`.
   *
   * @maxItems 3
   */
  reference_images?: [] | [string] | [string, string] | [string, string, string];
  model?: string | null;
  project_id?: string | null;
  scene_index?: number | null;
  /**
   * Not started by then: expired, nothing charged.
   */
  start_before?: string | null;
  /**
   * The plan's price may not exceed this.
   */
  max_cost_usd?: number | null;
  /**
   * What the worker does if it can't find out whether a submit was accepted.
   */
  on_unknown_submit?: "fail" | "resubmit" | (string & {});
  labels?: Labels;
  /**
   * The lane: batch work may wait while interactive requests wait too.
   */
  priority?: "interactive" | "batch" | (string & {});
  /**
   * Where the end of the job is posted. No completion repeats it.
   */
  webhook?: Webhook | null;
  /**
   * Score the finished video against its prompt, which costs model calls. No completion repeats it.
   */
  evaluate?: boolean;
}
/**
 * One scene of a storyboard, with the callers' names. Its texts make the prompt of a request without one.
 */
export interface Scene {
  title?: string | null;
  description?: string | null;
  visual?: string | null;
  cameraFlow?: string | null;
  script?: string | null;
  backgroundMusic?: string | null;
  timeStart?: string | number | null;
  timeEnd?: string | number | null;
}
export interface Labels {
  [k: string]: string;
}
/**
 * Where to post the end of the job. The address may hold a token: no completion and no view repeats it.
 */
export interface Webhook {
  /**
   * An https:// address; signed by Standard Webhooks, see docs/webhooks.md.
   */
  url: string;
  /**
   * Which ends are reported; by default all.
   *
   * @minItems 1
   * @maxItems 4
   */
  events?:
    | [WebhookEvent]
    | [WebhookEvent, WebhookEvent]
    | [WebhookEvent, WebhookEvent, WebhookEvent]
    | [WebhookEvent, WebhookEvent, WebhookEvent, WebhookEvent];
}
/**
 * Why something failed, so that a person can act on it.
 */
export interface Failure {
  category: Category;
  code: string;
  message: string;
  retryable?: boolean;
  charged?: Charged;
  field?: string | null;
}
/**
 * When the job was created, submitted, accepted and ended; None if that did not happen.
 */
export interface Timings {
  created_at?: string | null;
  submitted_at?: string | null;
  accepted_at?: string | null;
  ended_at?: string | null;
}
export interface Labels1 {
  [k: string]: string;
}
/**
 * The result of the local checks of one video.
 */
export interface Checks {
  /**
   * The version of the rules, for example 2026-11.
   */
  rules: string;
  changed_rules?: ChangedRules;
  /**
   * How long the checks took.
   */
  checked_in_ms?: number;
  flags?: Flag[];
  /**
   * Where the picture changes at once, in seconds.
   */
  cuts?: number[];
  /**
   * Integrated loudness (EBU R 128).
   */
  loudness_lufs?: number | null;
  /**
   * The highest peak between the samples.
   */
  true_peak_dbtp?: number | null;
  /**
   * How alike the first frame and the reference image are: 1 is the same.
   */
  first_frame_ssim?: number | null;
  /**
   * kept or dropped: whether the video has a C2PA manifest like its sources; null if they have none.
   */
  provenance?: string | null;
  /**
   * Why nothing could be measured; such a video is not bad.
   */
  unchecked?: string | null;
}
/**
 * The thresholds that the operator has set to another value.
 */
export interface ChangedRules {
  [k: string]: number;
}
/**
 * One thing about the video that a person should look at. It fails no job.
 */
export interface Flag {
  /**
   * black, frozen, flicker, cut, letterbox, pillarbox, silent, partly_silent, too_loud, too_quiet, no_audio_track, first_frame_differs, provenance_dropped; later versions may add codes.
   */
  code: string;
  /**
   * Where it begins; absent for the whole video.
   */
  from_seconds?: number | null;
  /**
   * Where it ends.
   */
  to_seconds?: number | null;
  /**
   * What was measured, in the unit of its rule.
   */
  value?: number | null;
}
