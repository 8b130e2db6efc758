// Compiled, never run: what the types promise to callers, and what they refuse.

import {
  createClient,
  decodeCompletion,
  decodeFilmCompletion,
  ReelbusError,
  type Video,
} from "../../publisher/node/index.js";
import {
  generateFilm,
  generateMultipleSceneVideos,
  generateVideoWithVeo,
} from "../../publisher/node/videoGenerationService.js";

export async function uses(): Promise<string[]> {
  const client = createClient("pubsub://acme", {
    subscription: "my-completions",
    httpUrl: "http://localhost:8000",
  });
  const video: Video = await client.generate({
    prompt: "A harbour at dawn",
    duration_seconds: 8,
    aspect_ratio: "9:16",
  });
  // @ts-expect-error: a key that is not known
  await client.generate({ prompt: "A harbour at dawn", durationSecs: 8 });
  const same: Video = await client.generate({ prompt: "A harbour at dawn", durationSeconds: 8, jobId: "order-42" });
  const size: string = `${same.videoUrl} ${same.timings.endedAt} ${same.costUsd} ${same.cost_usd} ${same.labels?.team}`;
  // @ts-expect-error: a value that is not known
  await client.submit({ prompt: "A harbour at dawn", quality: "ultra" });
  const { state } = await client.status(video.video_id);
  // @ts-expect-error: no state of a job is called so
  if (state === "done") return [];
  const job = await client.onProgress(video.video_id, ({ event, progress }) => console.log(event, progress));
  await client.cancel(job.video_id, { reason: "nobody wants it" });
  const http = createClient("http://localhost:8000");
  const plan = await http.plan({ prompt: "A harbour at dawn" });
  const price: number = plan.price_usd + (await client.http.spend()).total.charged_usd;
  const quote = await http.quoteReplay(job.video_id);
  if (quote.may_replay && price < 1)
    await http.replay(job.video_id, {
      life: quote.life ?? 1,
      pay: quote.price_usd,
    });
  // @ts-expect-error: no state of a job is called so
  await http.list({ state: "done" });
  const address: string = await generateVideoWithVeo(null, { title: "A harbour", sceneNumber: 7 }, "test-project", 0);
  await generateVideoWithVeo(new Uint8Array(), { title: 42 }, 42);
  const [first] = await generateMultipleSceneVideos([{ title: "A harbour" }], null, "test-project", { concurrency: 2 });
  const batch = { maxCostUsd: 20, requests: [{ prompt: "A harbour at dawn", durationSeconds: 8 }] };
  const { batchId, states } = await http.orderBatch(batch);
  const ordered = await http.waitForBatch(batchId, { listener: ({ states }) => console.log(states.queued) });
  // @ts-expect-error: each job of a batch gets its id
  await http.planBatch({ requests: [{ prompt: "A harbour at dawn", jobId: "mine" }] });
  const transition = { kind: "crossfade" as const, seconds: 0.5 };
  const scenes = [{ name: "dawn", prompt: "A harbour at dawn", durationSeconds: 8, transition }].slice(0, 1);
  const film = await http.generateFilm({ filmId: "spring", maxCostUsd: 3, scenes }, { listener: ({ state }) => state });
  await http.retakeScene(film.filmId, { scene: film.scenes[0].name, take: 2 });
  // @ts-expect-error: a film has an id
  await http.planFilm({ scenes });
  // @ts-expect-error: a key that is not known
  await http.orderFilm({ filmId: "spring", scenes: [{ name: "dawn", takes: 2 }] });
  const old = { name: "dawn", scene: { title: "A harbour", sceneNumber: 7 }, referenceImage: new Uint8Array() };
  const defaults = { lastImage: "https://example.com/last.png", referenceImages: [new Uint8Array()] };
  if ((await generateFilm({ filmId: "spring", projectId: 42, defaults, scenes: [old] })).videoUrl === null) return [];
  if (states.failed || !ordered.ended) return [ordered.videos[0]?.videoUrl ?? ""];
  const page = await client.list({ projectId: "acme" });
  const ended = decodeCompletion({ data: Buffer.from("{}"), attributes: {} });
  if (ended?.video) return [size, ended.video.gcsPath, page.nextCursor ?? "", ended.completion.request?.prompt ?? ""];
  const made = decodeFilmCompletion({ data: Buffer.from("{}"), attributes: {} });
  if (made && !made.error) return [made.filmId, made.film.videoUrl ?? "", made.film.scenes?.[0]?.videoId ?? ""];
  return [address, first.videoUrl ?? first.error ?? ""];
}

export function tells(error: unknown): string {
  if (!(error instanceof ReelbusError)) return "";
  return error.retryable && error.charged === "no"
    ? `again in ${error.retryAfter ?? 1} s`
    : `${error.category} ${error.videoId}`;
}
