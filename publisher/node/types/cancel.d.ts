// Generated from the JSON Schema of the same name by scripts/types.js. Do not edit.

/**
 * A cancel of one job (`reelbus.video.cancel.v1`). Before the submit nothing is charged.
 *
 * A clip that was submitted before is charged, and discarded.
 */
export interface CancelRequest {
  job_id: string;
  reason?: string | null;
}
