export { createClient } from "./src/client.js";
export { decodeCompletion } from "./src/completions.js";
export { decodeFilmCompletion } from "./src/filmend.js";
export { ReelbusError } from "./src/errors.js";
export { checkedRequest } from "./src/request.js";
export { buildPrompt, durationOf } from "./src/scene.js";
