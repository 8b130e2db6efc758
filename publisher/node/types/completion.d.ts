// Generated from the JSON Schema of the same name by scripts/types.js. Do not edit.

/**
 * How a completion message ends a request.
 */
export type Outcome = "succeeded" | "failed" | "cancelled" | "expired" | "rejected";
/**
 * What kind of trouble it was; decides the HTTP status of the answer.
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
 * Whether money was spent, as far as we know.
 */
export type Charged = "yes" | "no" | "unknown";

/**
 * The end of a job (`reelbus.video.{succeeded,failed,cancelled,expired,rejected}.v1`).
 *
 * `rejected` speaks of a message, not of a job: it was invalid, or it used a known id for another request. Readers
 * take what a later version writes as well: keys and words that they don't know change nothing.
 */
export interface Completion {
  /**
   * None only where a rejected message named no usable id.
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
   * Since then the prompt and the files are gone.
   */
  erased_at?: string | null;
}
/**
 * A request for one video (`reelbus.video.requested.v1`). A null stands for a key that is not there.
 */
export interface VideoRequest {
  /**
   * Idempotency key, chosen by the caller before it sends.
   */
  job_id: string;
  /**
   * Prompt and duration are built from it where not given.
   */
  scene?: Scene | null;
  /**
   * Blanks at its ends don't count.
   */
  prompt?: string;
  /**
   * Whole seconds, exact to a frame.
   */
  duration_seconds?: number;
  /**
   * The callers' two names; settings say which model each one means.
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
   * What to do when nobody can tell whether a submit was accepted.
   */
  on_unknown_submit?: "fail" | "resubmit" | (string & {});
  labels?: Labels;
}
/**
 * One scene of a storyboard, with the names that callers use today. Its texts make the prompt if none is given.
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
 * A reason that a person can act on. The same words go to the record, the HTTP answer and the completion.
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
 * When the job passed its stations; None where it never got there.
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
