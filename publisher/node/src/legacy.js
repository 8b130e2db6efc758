/**
 * Replaces `api/services/videoGenerationService.js`: the same six functions, parameters, results and error texts,
 * and `generateFilm`.
 * `scripts/bundle.js` writes this module and all that it imports into one file, to be copied there.
 *
 * `REELBUS_URL` is the address of the service: `http://…` (or `PYTHON_API_URL`, as before) or `pubsub://project`. Every
 * function has one more, optional parameter than before: `{signal, ...fields of the request}`, in camelCase or as the
 * HTTP API has them.
 */

import { whole } from "./fields.js";
import { invalid } from "./invalid.js";
import { withOldNames } from "./names.js";
import { buildPrompt } from "./scene.js";
import { inOldWords, inOrder, made, withClient } from "./service.js";
import { fromScene, knownPart, knownStoryboard, projectOf, referenceOf } from "./storyboard.js";

export { ReelbusError } from "./errors.js";

const SCENES_AT_ONCE = 4;
const SCENES_AT_ONCE_AT_MOST = 1_000;
const IN_WORDS =
  /\b([0-9]{1,2})[- ]?s(?:ec(?:ond)?s?)?\s+duration\b|\bduration:?\s*([0-9]{1,2})\s*s(?:ec(?:ond)?s?)?\b/i;

/** The API's answer: `video_url`, `video_id`, `gcs_path`, `prompt`, `duration_seconds`, `quality`, `generation_time`, … */
export async function callPythonVideoGenerationAPI(prompt, durationSeconds = 5, quality = "fast", options = {}) {
  return withOldNames(await made(() => ({ prompt, duration_seconds: durationSeconds, quality }), options));
}

/** The address of a video for this prompt. The prompt may state its length ("8 seconds duration"), else it is 5 s. */
export async function callVeoAPIAndUploadToGCS(imageBase64, description, projectId, sceneIndex = 0, options = {}) {
  const duration = durationIn(description);
  const video = await made(
    async (signal) => ({
      ...place(projectId, sceneIndex),
      prompt: description,
      reference_image: await referenceOf(imageBase64, signal),
      ...(duration && { duration_seconds: duration }),
    }),
    options,
  );
  return video.video_url;
}

/** The address of a video for a prompt, with its length and quality. */
export async function generateVideoFromPrompt(prompt, duration = 5, quality = "fast", options = {}) {
  const video = await callPythonVideoGenerationAPI(prompt, duration, quality, options);
  return {
    success: true,
    videoUrl: video.video_url,
    videoId: video.video_id,
    prompt: video.prompt,
    duration: video.duration_seconds,
    quality: video.quality,
    generatedAt: video.generation_time,
    gcsPath: video.gcs_path,
    metadata: metadataOf(video),
  };
}

/** The address of a video for a scene: as long as the scene, beginning with the storyboard image. */
export async function generateVideoWithVeo(imageBase64, sceneData, projectId, sceneIndex = 0, options = {}) {
  return (await sceneVideo(imageBase64, sceneData, projectId, sceneIndex, options)).video_url;
}

/**
 * One result for each scene, in order: `{sceneNumber, videoUrl, videoId, duration, gcsPath, error}`. If a scene fails,
 * `error` has the reason, `videoUrl` is null, and the others go on. `options.concurrency` scenes run at once.
 */
export async function generateMultipleSceneVideos(sceneDataArray, imageBase64, projectId, options = {}) {
  const { concurrency = SCENES_AT_ONCE, ...rest } = options;
  try {
    if (!Array.isArray(sceneDataArray)) throw invalid("sceneDataArray", "must be a list of scenes");
    whole(1, SCENES_AT_ONCE_AT_MOST)("concurrency", concurrency);
  } catch (error) {
    throw inOldWords(error);
  }
  const results = await inOrder(sceneDataArray, concurrency, async (sceneData, index) => {
    const image = Array.isArray(imageBase64) ? imageBase64[index] : (imageBase64 ?? sceneData?.imageBase64);
    const outcome = await sceneVideo(image, sceneData, projectId, index, rest).catch((error) => ({
      error: error ?? {},
    }));
    return sceneResult(index, outcome);
  });
  const { signal } = rest;
  if (signal?.aborted && signal.reason instanceof Error) signal.reason.videoIds = results.map(({ videoId }) => videoId);
  signal?.throwIfAborted();
  return results;
}

/**
 * One film of a storyboard: `{filmId, revision, defaults, scenes: [{name, scene, transition, trim, take, …}], …}`, ordered
 * unless it exists, and waited for. Scenes, images and project are accepted as by the functions above. `listener` gets
 * the film at each look.
 */
export async function generateFilm(storyboard, { signal, listener } = {}) {
  return await withClient(signal, async (open) => {
    const known = await knownStoryboard(storyboard, signal);
    const client = open();
    return await (client.http ?? client).generateFilm(known, { signal, listener });
  });
}

/** The prompt for a scene. */
export function buildVideoPrompt(combinedSceneData) {
  try {
    return buildPrompt(knownPart(combinedSceneData));
  } catch (error) {
    throw inOldWords(error);
  }
}

async function sceneVideo(imageBase64, sceneData, projectId, sceneIndex, options) {
  const order = async (signal) => ({
    ...place(projectId, sceneIndex),
    ...fromScene(sceneData),
    reference_image: await referenceOf(imageBase64, signal),
  });
  return await made(order, options);
}

function sceneResult(index, { error, ...video }) {
  return {
    sceneNumber: index + 1,
    videoUrl: video.video_url ?? null,
    videoId: video.video_id ?? error?.videoId ?? null,
    duration: video.duration_seconds ?? null,
    gcsPath: video.gcs_path ?? null,
    error: error ? (error.message ?? String(error)) : null,
  };
}

const place = (projectId, sceneIndex) => ({
  project_id: projectOf(projectId),
  scene_index: sceneIndex ?? undefined,
});

function durationIn(description) {
  const found = IN_WORDS.exec(description ?? "");
  const seconds = Number(found?.[1] ?? found?.[2]);
  return seconds >= 1 && seconds <= 30 ? seconds : null;
}

function metadataOf({ model, width, height, aspect_ratio, resolution, billed_seconds, cost_usd, labels, timings }) {
  return {
    model,
    width,
    height,
    aspectRatio: aspect_ratio,
    resolution,
    billedSeconds: billed_seconds,
    costUsd: cost_usd,
    labels,
    timings,
  };
}
