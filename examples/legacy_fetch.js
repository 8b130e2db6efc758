// A caller as it was before there was reelbus: plain fetch, no key, no client. It waits in one HTTP call.
//
//   PYTHON_API_URL=http://localhost:8000 node legacy_fetch.js "A red bicycle turns slowly on white" 8
//
// A long video outlasts the call: the facade answers 504 before Node's fetch gives up at 300 s, and connections break.
// The job goes on. The identical call, sent again within 30 minutes, comes back to that job and doesn't pay again. (With
// an `Idempotency-Key` header this holds for ever, and even where the facade itself was killed.)

const API = process.env.PYTHON_API_URL ?? "http://localhost:8000"; // the one line that changes
const NOT_YET = [429, 502, 503, 504];
const GIVE_UP_AT = Date.now() + 25 * 60_000;

const [prompt, seconds = "5", quality = "fast"] = process.argv.slice(2);
const body = JSON.stringify({ prompt, duration_seconds: seconds, quality });

try {
  const video = await generate();
  console.log(video.video_url);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}

/** The video, however many calls it takes. */
async function generate() {
  for (;;) {
    const { status, retryAfter, answer } = await call();
    if (status === 200) return answer;
    const again = NOT_YET.includes(status) && answer.error?.retryable !== false; // false: it could be a second job
    if (!again) throw new Error(`Python API error: ${status} - ${answer.detail}`);
    if (Date.now() > GIVE_UP_AT) throw new Error(`Python API error: ${status} - given up; the job goes on`);
    console.error(`${status}, asking again: ${answer.detail}`);
    await new Promise((resolve) => setTimeout(resolve, retryAfter * 1000));
  }
}

/** One call, the same bytes each time. A connection that breaks, or isn't there, counts as a 503. */
async function call() {
  const headers = { "content-type": "application/json" }; // and "x-api-key", where the facade asks for a key
  try {
    const response = await fetch(`${API}/api/videos/generate`, { method: "POST", headers, body });
    const answer = await response.json().catch(() => ({ detail: response.statusText }));
    return { status: response.status, retryAfter: Number(response.headers.get("retry-after") ?? 1), answer };
  } catch (error) {
    const reason = error.cause?.code ?? error.message;
    return { status: 503, retryAfter: 1, answer: { detail: `fetch failed (${reason})` } };
  }
}
