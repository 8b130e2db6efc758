/** `NODE_DEBUG=reelbus`: requests, answers and addresses of files. Never a prompt, an image or a key. */

import { debuglog } from "node:util";

const log = debuglog("reelbus");

/** Logs a request. */
export function asked(action, request) {
  if (log.enabled) log("%s %j", action, shown(request));
}

/** Logs an answer. */
export function answered(action, facts) {
  if (log.enabled) log("%s %j", action, facts);
}

/** Logs a stored video. Only the path of its address, since the signature of an address is a key. */
export function uploaded(video) {
  if (!log.enabled) return;
  const { video_id, gcs_path, video_url, model, cost_usd } = video;
  log("uploaded %j", { video_id, gcs_path, video_url: video_url?.split("?")[0], model, cost_usd });
}

/** Texts that are no words of the caller's. Of every other text, also of a field that comes later, only the length is shown. */
const SHOWN = new Set(
  "job_id quality aspect_ratio resolution model project_id start_before max_cost_usd on_unknown_submit priority".split(
    " ",
  ),
);

function shown({ scene, ...rest }) {
  const facts = Object.entries(rest).map(([name, value]) =>
    typeof value === "string" && !SHOWN.has(name) ? [name, `${value.length} characters`] : [name, value],
  );
  return { ...Object.fromEntries(facts), ...(scene && { scene: Object.keys(scene) }) };
}
