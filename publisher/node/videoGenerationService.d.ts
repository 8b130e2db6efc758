import type { Film, FilmOptions, Order, OldVideo, Scene, Storyboard } from "./index.js";

export { ReelbusError } from "./index.js";

/** Fields of the request beyond those of the old service, and a signal that ends the wait. */
export type Options = Partial<Order> & { signal?: AbortSignal };

/** A storyboard's scene; keys beyond these are left out, and a number stands for its text. */
export type SceneData = { [Key in keyof Scene]: Scene[Key] | number } & Record<string, unknown>;

/** A storyboard image: base64, with or without `data:…;base64,` before it; its bytes; or an https address. */
export type Image = string | Uint8Array | null;

/** A number, or a name: blanks and slashes are written as in a URL. */
export type Project = string | number | null;

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
): Promise<OldVideo>;

export function callVeoAPIAndUploadToGCS(
  imageBase64: Image | undefined,
  description: string,
  projectId?: Project,
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
  imageBase64: Image | undefined,
  sceneData: SceneData,
  projectId?: Project,
  sceneIndex?: number,
  options?: Options,
): Promise<string>;

export function generateMultipleSceneVideos(
  sceneDataArray: SceneData[],
  imageBase64?: Image | (Image | undefined)[],
  projectId?: Project,
  options?: Options & { concurrency?: number },
): Promise<SceneResult[]>;

interface Images {
  referenceImage?: Image;
  reference_image?: Image;
  lastImage?: Image;
  last_image?: Image;
  referenceImages?: Image[] | null;
  reference_images?: Image[] | null;
}

type OldScene = Omit<Storyboard["scenes"][number], "scene" | keyof Images> & Images & { scene?: SceneData | null };
type OldDefaults = Omit<NonNullable<Storyboard["defaults"]>, keyof Images> & Images;

/** The storyboard of a film. Its scenes, images and project may be as in the functions above. */
export type FilmData = Omit<Storyboard, "scenes" | "defaults" | "projectId" | "project_id"> &
  ({ filmId: string } | { film_id: string }) & {
    scenes: OldScene[];
    defaults?: OldDefaults;
    projectId?: Project;
    project_id?: Project;
  };

export function generateFilm(storyboard: FilmData, options?: FilmOptions): Promise<Film>;

export function buildVideoPrompt(combinedSceneData: SceneData): string;
