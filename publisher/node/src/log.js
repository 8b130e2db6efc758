/** `NODE_DEBUG=reelbus`: what was asked, what was answered and where the file went. Never a prompt, an image or a key. */

import { debuglog } from "node:util";

const log = debuglog("reelbus");

/** A request on its way. */
export function asked(action, request) {
  if (log.enabled) log("%s %j", action, shown(request));
}

/** What came back. */
export function answered(action, facts) {
  if (log.enabled) log("%s %j", action, facts);
}

/** A video is stored. A signed address is a key: only its path is shown. */
export function uploaded(video) {
  if (!log.enabled) return;
  const { video_id, gcs_path, video_url, model, cost_usd } = video;
  log("uploaded %j", { video_id, gcs_path, video_url: video_url?.split("?")[0], model, cost_usd });
}

function shown({ prompt, negative_prompt, style, scene, reference_image, ...rest }) {
  const sizes = { prompt, negative_prompt, style, reference_image };
  const lengths = Object.entries(sizes).filter(([, text]) => typeof text === "string");
  return {
    ...rest,
    ...Object.fromEntries(lengths.map(([name, text]) => [name, `${text.length} characters`])),
    ...(scene && { scene: Object.keys(scene) }),
  };
}
