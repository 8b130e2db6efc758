import type { Order, Scene, Video } from "./index.js";

/** Fields of the request beyond those of the old service, and a signal that ends the wait. */
export type Options = Partial<Order> & { signal?: AbortSignal };

/** A storyboard's scene; keys beyond these are left out. */
export type SceneData = Scene & Record<string, unknown>;

export interface PromptResult {
  success: true;
  videoUrl: string;
  videoId: string;
  prompt: string;
  duration: number;
  quality: string;
  /** ISO 8601 in UTC. */
  generatedAt: string;
  gcsPath: string;
  metadata: Record<string, unknown>;
}

export interface SceneResult {
  /** 1 for the first. */
  sceneNumber: number;
  /** null where the scene failed. */
  videoUrl: string | null;
  videoId: string | null;
  duration: number | null;
  gcsPath: string | null;
  /** Why it failed; null where it did not. */
  error: string | null;
}

export function callPythonVideoGenerationAPI(
  prompt: string,
  durationSeconds?: number,
  quality?: "fast" | "quality",
  options?: Options,
): Promise<Video>;

export function callVeoAPIAndUploadToGCS(
  imageBase64: string | null | undefined,
  description: string,
  projectId?: string | null,
  sceneIndex?: number,
  options?: Options,
): Promise<string>;

export function generateVideoFromPrompt(
  prompt: string,
  duration?: number,
  quality?: "fast" | "quality",
  options?: Options,
): Promise<PromptResult>;

export function generateVideoWithVeo(
  imageBase64: string | null | undefined,
  sceneData: SceneData,
  projectId?: string | null,
  sceneIndex?: number,
  options?: Options,
): Promise<string>;

export function generateMultipleSceneVideos(
  sceneDataArray: SceneData[],
  imageBase64?: string | null | (string | null | undefined)[],
  projectId?: string | null,
  options?: Options & { concurrency?: number },
): Promise<SceneResult[]>;

export function buildVideoPrompt(combinedSceneData: SceneData): string;
