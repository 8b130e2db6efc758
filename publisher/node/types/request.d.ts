// Generated from the JSON Schema of the same name by scripts/types.js. Do not edit.

/**
 * The two names that callers use. Settings say which models each one stands for.
 */
export type Quality = "fast" | "quality";
export type AspectRatio = "16:9" | "9:16";
export type Resolution = "720p" | "1080p" | "4k";
/**
 * What the worker does if it can't find out whether a submit was accepted.
 */
export type OnUnknownSubmit = "fail" | "resubmit";
/**
 * The lane: batch work may wait while interactive requests wait too.
 */
export type Priority = "interactive" | "batch";
/**
 * An end of a job that a webhook reports.
 */
export type WebhookEvent = "succeeded" | "failed" | "cancelled" | "expired";

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
  quality?: Quality;
  aspect_ratio?: AspectRatio;
  resolution?: Resolution;
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
  on_unknown_submit?: OnUnknownSubmit;
  labels?: Labels;
  priority?: Priority;
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
  /**
   * This interface was referenced by `Labels`'s JSON-Schema definition
   * via the `patternProperty` "^[a-z][a-z0-9_-]{0,62}$".
   */
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
