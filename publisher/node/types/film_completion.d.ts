// Generated from the JSON Schema of the same name by scripts/types.js. Do not edit.

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
 * The end of a revision of a film (`reelbus.film.{succeeded,held,failed,cancelled}.v1`).
 */
export interface FilmCompletion {
  film_id: string;
  revision: number;
  state: string;
  /**
   * Name in the video store, under generated-videos/.
   */
  gcs_path?: string | null;
  video_url?: string | null;
  duration_seconds?: number | null;
  /**
   * What this revision adds.
   */
  price_usd?: number | null;
  /**
   * What is known to have been spent on the film so far, scenes of earlier revisions included.
   */
  cost_usd?: number | null;
  scenes?: FilmSceneEnd[];
  titles?: FilmTitleEnd[];
  files?: FilmFile[];
  /**
   * kept or dropped: whether the file has a C2PA manifest as its scenes have.
   */
  provenance?: string | null;
  error?: Failure | null;
  /**
   * When the film was erased with its words and files.
   */
  erased_at?: string | null;
}
/**
 * One scene of a finished film: its job, and when the film shows it.
 */
export interface FilmSceneEnd {
  name: string;
  job_id: string;
  /**
   * The id that the film's caller sees; in webhooks alone.
   */
  video_id?: string | null;
  start_s: number;
  end_s: number;
  /**
   * A card stands in its place: its job has no video.
   */
  is_card?: boolean;
  /**
   * The job was there before this revision.
   */
  reused?: boolean;
}
/**
 * When a film shows a title card.
 */
export interface FilmTitleEnd {
  /**
   * The `name` of the scene that it was ordered for.
   */
  before: string;
  text: string;
  start_s: number;
  end_s: number;
}
/**
 * A file beside the film.
 */
export interface FilmFile {
  kind: string;
  /**
   * Name in the video store, under generated-videos/.
   */
  gcs_path: string;
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
