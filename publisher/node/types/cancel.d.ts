// Generated from the JSON Schema of the same name by scripts/types.js. Do not edit.

/**
 * Cancel one job (`reelbus.video.cancel.v1`). Free before a submit; later the clip is charged and discarded.
 */
export interface CancelRequest {
  job_id: string;
  reason?: string | null;
}
