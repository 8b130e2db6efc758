// Generated from the JSON Schema of the same name by scripts/types.js. Do not edit.

/**
 * The state of a job. The last four are terminal.
 */
export type JobState =
  "queued" | "submitting" | "generating" | "storing" | "succeeded" | "failed" | "cancelled" | "expired";
/**
 * The state of one clip.
 */
export type ClipState = "planned" | "submitting" | "accepted" | "done" | "refused" | "unknown" | "late";
/**
 * Whether the provider charged for a call, as far as it is known.
 */
export type Charged = "yes" | "no" | "unknown";
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
export type Charged1 = "yes" | "no" | "unknown";

/**
 * A job as callers see it.
 */
export interface JobView {
  video_id: string;
  state: JobState;
  life: number;
  /**
   * Frames written of all frames by the local renderer, at most 0.95 until the video is stored; for other models estimated from the time that they usually take.
   */
  progress: number;
  /**
   * 1 is next of its caller, or else project, in its lane; only while queued, where known.
   */
  queue_position?: number | null;
  /**
   * What the job waits for, if its state does not say so: `turn`, `batch`, `quota`, …
   */
  waiting_for?: string | null;
  cancel_requested?: boolean;
  prompt: string;
  duration_seconds: number;
  quality: string;
  aspect_ratio: string;
  resolution: string;
  project_id?: string | null;
  scene_index?: number | null;
  labels?: Labels;
  created_at: string;
  /**
   * Since then the prompt and the files are gone.
   */
  erased_at?: string | null;
  timings: Timings;
  history: Transition[];
  clips: ClipView[];
  model?: string | null;
  /**
   * Another model makes it than the one asked for.
   */
  fallback?: Fallback | null;
  billed_seconds: number;
  cost_usd: number;
  charged: Charged;
  gcs_path?: string | null;
  video_url?: string | null;
  poster_url?: string | null;
  width?: number | null;
  height?: number | null;
  /**
   * What is wrong with a video that is delivered all the same.
   */
  defect?: string | null;
  /**
   * What a look at the video found. Lists and events leave it out by default.
   */
  checks?: Checks | null;
  /**
   * The score of the video against its prompt. Lists and events leave it out.
   */
  evaluation?: Evaluation | null;
  /**
   * The calls of the evaluation service: lines of the ledger, beside the clips.
   */
  evaluations?: EvaluationCall[];
  error?: Failure | null;
  /**
   * What keeps the job from going on, if that is no state of it.
   */
  notice?: string | null;
  /**
   * Whose job it is; null for one that was made without a key.
   */
  caller?: string | null;
}
export interface Labels {
  [k: string]: string;
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
/**
 * The moment at which the job entered a state.
 */
export interface Transition {
  state: JobState;
  at: string;
}
/**
 * One entry of the ledger.
 */
export interface ClipView {
  index: number;
  state: ClipState;
  model: string;
  seconds: number;
  billed_seconds: number;
  price_usd: number;
  charged: Charged;
  attempt: number;
  operation?: string | null;
  cause?: Failure | null;
}
/**
 * Why something failed, so that a person can act on it.
 */
export interface Failure {
  category: Category;
  code: string;
  message: string;
  retryable?: boolean;
  charged?: Charged1;
  field?: string | null;
}
/**
 * The model that was asked for, the one that makes the video, the reason and the price.
 */
export interface Fallback {
  asked_for: string;
  made_by: string;
  why: string;
  /**
   * Of the whole video, at the model that made it.
   */
  price_usd: number;
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
/**
 * The score of one video against its prompt, or why it has none. A low score fails no job.
 */
export interface Evaluation {
  /**
   * For example gecko_text2video_v2; null without a score.
   */
  metric?: string | null;
  /**
   * The share of the prompt that the video shows, 0 to 1.
   */
  score?: number | null;
  verdicts?: Verdict[];
  /**
   * The questions are those of the prompt, which its other takes are asked as well.
   */
  comparable?: boolean;
  evaluated_at?: string | null;
  /**
   * Why there is no score; such a video is not bad.
   */
  unevaluated?: string | null;
}
/**
 * The answer to one question about the video.
 */
export interface Verdict {
  /**
   * What the video should show.
   */
  text: string;
  /**
   * Whether the video shows it.
   */
  holds: boolean;
  /**
   * What the service says about it, if it says anything.
   */
  reason?: string | null;
}
/**
 * One call. Only `schemas.domain.state_machine` adds and ends one.
 */
export interface EvaluationCall {
  /**
   * evaluation: of the video; rubrics: questions about the prompt.
   */
  kind: string;
  metric: string;
  at: string;
  ended_at?: string | null;
  /**
   * answered, refused, metric_refused, no_answer; null while it is under way.
   */
  outcome?: string | null;
  /**
   * By the setting; null if it is not known.
   */
  price_usd?: number | null;
  /**
   * The file with the questions, in the video store.
   */
  rubrics?: string | null;
}
