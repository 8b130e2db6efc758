// Generated from the JSON Schema of the same name by scripts/types.js. Do not edit.

/**
 * The two names that callers use. Settings say which models each one stands for.
 */
export type Quality = "fast" | "quality";
export type AspectRatio = "16:9" | "9:16";
export type Resolution = "720p" | "1080p" | "4k";
export type Kind = "cut" | "crossfade" | "fade_black";
/**
 * What becomes of a film if a scene has no video. A paid scene is kept in all cases.
 */
export type OnSceneFailure = "hold" | "card" | "skip" | "fail";
/**
 * An end of a revision of a film that a webhook reports.
 */
export type FilmWebhookEvent = "succeeded" | "held" | "failed" | "cancelled";

/**
 * A storyboard: scenes in, one video out.
 */
export interface FilmRequest {
  /**
   * Idempotency key, chosen by the caller.
   */
  film_id: string;
  /**
   * Grows with each change.
   */
  revision?: number;
  project_id?: string | null;
  /**
   * What is new in this revision may not cost more.
   */
  max_cost_usd?: number | null;
  defaults?: FilmDefaults;
  /**
   * @minItems 1
   * @maxItems 60
   */
  scenes: [FilmScene, ...FilmScene[]];
  on_scene_failure?: OnSceneFailure;
  audio?: FilmAudio;
  /**
   * At most one a scene.
   *
   * @maxItems 60
   */
  titles?: TitleCard[];
  captions?: Captions | null;
  /**
   * What is made of the film. `mp4` always is; the others are timelines for editing programs.
   *
   * @minItems 1
   */
  outputs?: ["mp4" | "otio" | "edl" | "fcpxml", ...("mp4" | "otio" | "edl" | "fcpxml")[]];
  /**
   * Where to post the ends of the film.
   */
  webhook?: FilmWebhook | null;
}
/**
 * What all scenes share, unless a scene says otherwise. All scenes have one size.
 */
export interface FilmDefaults {
  duration_seconds?: number | null;
  quality?: Quality | null;
  negative_prompt?: string | null;
  style?: string | null;
  seed?: number | null;
  generate_audio?: boolean | null;
  reference_image?: string | null;
  last_image?: string | null;
  /**
   * An empty list in a scene: without those of `defaults`.
   */
  reference_images?: [] | [string] | [string, string] | [string, string, string] | null;
  model?: string | null;
  aspect_ratio?: AspectRatio;
  resolution?: Resolution;
}
/**
 * One scene. Its job is named by what it contains: the same scene is paid for once, wherever it stands.
 */
export interface FilmScene {
  duration_seconds?: number | null;
  quality?: Quality | null;
  negative_prompt?: string | null;
  style?: string | null;
  seed?: number | null;
  generate_audio?: boolean | null;
  reference_image?: string | null;
  last_image?: string | null;
  /**
   * An empty list in a scene: without those of `defaults`.
   */
  reference_images?: [] | [string] | [string, string] | [string, string, string] | null;
  model?: string | null;
  /**
   * Unique in the film.
   */
  name: string;
  /**
   * Prompt and duration are built from it if they are absent.
   */
  scene?: Scene | null;
  prompt?: string | null;
  /**
   * Another take is another video, and is paid for.
   */
  take?: number;
  /**
   * Its first frame is the sharpest of the last half second that the film shows of the scene before.
   */
  continue_from_previous?: boolean;
  transition?: Transition;
  trim?: Trim;
}
/**
 * One scene of a storyboard, with the callers' names. Its texts make the prompt of a request without one.
 */
export interface Scene {
  title?: string | null;
  description?: string | null;
  visual?: string | null;
  cameraFlow?: string | null;
  script?: string | null;
  backgroundMusic?: string | null;
  timeStart?: string | number | number | null;
  timeEnd?: string | number | number | null;
}
/**
 * How a scene follows the one before it.
 */
export interface Transition {
  kind?: Kind;
  /**
   * A crossfade shows both scenes for so long; a fade is half of it out, and half of it in.
   */
  seconds?: number;
}
/**
 * The part of a scene that the film shows, in seconds of the scene.
 */
export interface Trim {
  start?: number;
  /**
   * By default the end of the scene.
   */
  end?: number | null;
}
/**
 * How loud a film is, and the music under it. A storyboard that says nothing gets the defaults.
 */
export interface FilmAudio {
  /**
   * Each scene and the whole film get this integrated loudness (EBU R128); null leaves all as it is.
   */
  normalise_lufs?: number | null;
  /**
   * No true peak is higher.
   */
  true_peak_dbtp?: number;
  music?: FilmMusic | null;
}
/**
 * Music under the whole film. It is repeated, or cut, to the length of the film.
 */
export interface FilmMusic {
  /**
   * MP3, M4A, WAV, FLAC or Ogg of at most 20 MB and half an hour.
   */
  uri: string;
  /**
   * How much louder than the scenes it is; with normalise_lufs null, than its own file.
   */
  gain_db?: number;
  /**
   * It is lowered while a scene is heard.
   */
  duck?: boolean;
  /**
   * At both ends, at most half of the film each.
   */
  fade_seconds?: number;
}
/**
 * A card with a text, shown before a scene. It is drawn, and costs nothing.
 */
export interface TitleCard {
  /**
   * The `name` of the scene that follows it.
   */
  before: string;
  text: string;
  seconds?: number;
  transition?: Transition1;
}
/**
 * How the card follows what is before it.
 */
export interface Transition1 {
  kind?: Kind;
  /**
   * A crossfade shows both scenes for so long; a fade is half of it out, and half of it in.
   */
  seconds?: number;
}
/**
 * The scenes' scripts as captions: times by the length of the text, two lines of 42 characters.
 */
export interface Captions {
  from?: "script";
  /**
   * Files of their own.
   *
   * @maxItems 2
   */
  sidecar?: [] | ["vtt" | "srt"] | ["vtt" | "srt", "vtt" | "srt"];
  /**
   * As a track of the film that a player can show or hide.
   */
  embed?: boolean;
  /**
   * Drawn into the picture.
   */
  burn_in?: boolean;
}
/**
 * Where to post the ends of the film. The address may hold a token: no completion and no view repeats it.
 */
export interface FilmWebhook {
  /**
   * An https:// address; signed by Standard Webhooks, see docs/webhooks.md.
   */
  url: string;
  /**
   * Which ends are reported; by default all.
   *
   * @minItems 1
   * @maxItems 4
   */
  events?:
    | [FilmWebhookEvent]
    | [FilmWebhookEvent, FilmWebhookEvent]
    | [FilmWebhookEvent, FilmWebhookEvent, FilmWebhookEvent]
    | [FilmWebhookEvent, FilmWebhookEvent, FilmWebhookEvent, FilmWebhookEvent];
}
