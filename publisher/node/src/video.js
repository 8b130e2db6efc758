/** A finished video, with the keys of the HTTP API, from any source. */

import { erased, failureOf } from "./errors.js";
import { uploaded } from "./log.js";
import { withBothNames } from "./names.js";

const FROM_VIEW = [
  "video_url",
  "video_id",
  "prompt",
  "duration_seconds",
  "quality",
  "gcs_path",
  "state",
  "poster_url",
  "width",
  "height",
  "aspect_ratio",
  "resolution",
  "model",
  "fallback",
  "billed_seconds",
  "cost_usd",
  "project_id",
  "scene_index",
  "labels",
  "timings",
];
const ENDS = ["succeeded", "failed", "cancelled", "expired"];

/** Whether a job in this state has ended. */
export const hasEnded = (state) => ENDS.includes(state);

/** The video in the view of an ended job. Throws the failure of the job. */
export function videoOfView(view) {
  if (view.state !== "succeeded") throw failureOf(view.error, view.video_id, { charged: view.charged });
  if (view.erased_at) throw erased(view.video_id);
  return told({ ...pick(view, FROM_VIEW), generation_time: view.timings.ended_at });
}

/** The video in a completion message. Throws the failure of the job. */
export function videoOfCompletion(completion) {
  const { error, ...video } = outcomeOfCompletion(completion, completion.job_id);
  if (error) throw error;
  return told(video);
}

/** The video in a completion message, or `{error}` with the failure of the job. */
export function outcomeOfCompletion(completion, videoId) {
  const { state, error, request, timings, erased_at } = completion;
  if (state !== "succeeded") return { error: failureOf(error, videoId) };
  if (erased_at) return { error: erased(videoId) };
  return {
    ...pick(request ?? {}, FROM_VIEW),
    ...pick(completion, FROM_VIEW),
    duration_seconds: request?.duration_seconds ?? completion.duration_seconds,
    video_id: videoId,
    generation_time: timings?.ended_at,
  };
}

/** The video in an answer with status 200. */
export const videoOfAnswer = (body) => told(body);

function told(video) {
  uploaded(video);
  return withBothNames({ ...video, success: true });
}

const pick = (from, names) =>
  Object.fromEntries(names.filter((name) => name in from).map((name) => [name, from[name]]));
