"""The bodies that Google answers with."""

import base64
from typing import Any

from tests.vertex.studio import Job

_STATUS = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}
FILTERED = (
    "Veo could not generate videos because the input image violates Vertex AI's usage guidelines. "
    "If you think this was an error, send feedback. Support codes: 15236754"
)
AUDIO_FILTERED = (
    "We encountered an issue with the audio for your prompt and could not create the video. "
    "You have not been charged for this attempt."
)


def error_body(status: int, message: str) -> dict[str, Any]:
    """google.rpc.Status over HTTP."""
    return {"error": {"code": status, "message": message, "status": _STATUS.get(status, "INTERNAL")}}


def veo_operation(name: str, job: Job | None) -> dict[str, Any]:
    """How a prediction stands."""
    if job is None:
        return {"name": name}
    done = {"name": name, "done": True}
    match job.step.ending:
        case "error":
            return {**done, "error": job.step.error}
        case "filtered" | "audio_filtered" | "said":
            return {**done, "response": _response(filtered=[_reason(job)])}
        case "fewer":
            return {**done, "response": _response(job.uris, filtered=[FILTERED])}
        case "nothing":
            return done
        case "inline":
            films = [{"bytesBase64Encoded": _text(film), "mimeType": "video/mp4"} for film in job.films]
            return {**done, "response": {**_response(), "videos": films}}
        case _:
            return {**done, "response": _response(job.uris)}


def _reason(job: Job) -> str:
    return {"filtered": FILTERED, "audio_filtered": AUDIO_FILTERED}.get(job.step.ending, job.step.message)


def _response(uris: list[str] | None = None, *, filtered: list[str] | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {
        "@type": "type.googleapis.com/cloud.ai.large_models.vision.GenerateVideoResponse",
        "raiMediaFilteredCount": len(filtered or ()),
    }
    if filtered:
        body["raiMediaFilteredReasons"] = filtered
    if uris:
        body["videos"] = [{"gcsUri": uri, "mimeType": "video/mp4"} for uri in uris]
    return body


def interaction(id: str, model: str, job: Job | None, turns: list[Any] | None = None) -> dict[str, Any]:
    """How an interaction stands. A stored one repeats the caller's turns before its own steps."""
    moment = "2026-11-23T12:00:00Z"
    said = _said(job) if job else {"status": "in_progress"}
    steps = [*(turns or ()), {"type": "thought", "signature": "c2ln"}, *said.pop("steps", ())]
    head = {"id": id, "object": "interaction", "model": model, "created": moment, "updated": moment}
    tokens = job.step.video_tokens if job else 0
    counts = [{"modality": "text", "tokens": 9}, {"modality": "video", "tokens": tokens}]
    usage = {"usage": {"output_tokens_by_modality": counts}} if tokens else {}
    return {**head, **said, **usage, "steps": steps}


def _said(job: Job) -> dict[str, Any]:
    match job.step.ending:
        case "error":
            return {"status": "failed", "steps": [{"type": "model_output", "error": job.step.error}]}
        case "filtered" | "audio_filtered" | "said":
            return {"status": "incomplete", "steps": [_output({"type": "text", "text": _reason(job)})]}
        case "stopped":
            return {"status": "budget_exceeded"}
        case "status":
            return {"status": job.step.message}
        case "nothing":
            return {"status": "completed"}
        case "inline":
            films = [{"type": "video", "data": _text(film), "mime_type": "video/mp4"} for film in job.films]
            return {"status": "completed", "steps": [_output(*films)]}
        case _:
            videos = [{"type": "video", "uri": uri, "mime_type": "video/mp4"} for uri in job.uris]
            status = "incomplete" if job.step.ending == "fewer" else "completed"
            return {"status": status, "steps": [_output(*videos)]}


def _output(*contents: dict[str, str]) -> dict[str, Any]:
    return {"type": "model_output", "content": list(contents)}


def _text(film: bytes) -> str:
    return base64.b64encode(film).decode()
