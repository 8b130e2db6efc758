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
    match job.step.ending:
        case "error":
            return {"name": name, "done": True, "error": job.step.error}
        case "filtered":
            return {"name": name, "done": True, "response": _response(filtered=[FILTERED])}
        case "audio_filtered":
            return {"name": name, "done": True, "response": _response(filtered=[AUDIO_FILTERED])}
        case "fewer":
            return {"name": name, "done": True, "response": _response(job.uris, filtered=[FILTERED])}
        case "nothing":
            return {"name": name, "done": True}
        case "inline":
            films = [{"bytesBase64Encoded": _text(film), "mimeType": "video/mp4"} for film in job.films]
            return {"name": name, "done": True, "response": {**_response(), "videos": films}}
        case _:
            return {"name": name, "done": True, "response": _response(job.uris)}


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


def interaction(id: str, model: str, job: Job | None) -> dict[str, Any]:
    """How an interaction stands."""
    moment = "2026-11-23T12:00:00Z"
    body: dict[str, Any] = {"id": id, "object": "interaction", "model": model, "created": moment, "updated": moment}
    if job is None:
        return {**body, "status": "in_progress"}
    match job.step.ending:
        case "error":
            step = {"type": "model_output", "error": job.step.error}
            return {**body, "status": "failed", "steps": [step]}
        case "filtered" | "audio_filtered":
            said = FILTERED if job.step.ending == "filtered" else AUDIO_FILTERED
            return {**body, "status": "incomplete", "steps": [_output({"type": "text", "text": said})]}
        case "stopped":
            return {**body, "status": "budget_exceeded"}
        case "nothing":
            return {**body, "status": "completed", "steps": []}
        case "inline":
            films = [{"type": "video", "data": _text(film), "mime_type": "video/mp4"} for film in job.films]
            return {**body, "status": "completed", "steps": [_output(*films)]}
        case _:
            videos = [{"type": "video", "uri": uri, "mime_type": "video/mp4"} for uri in job.uris]
            status = "incomplete" if job.step.ending == "fewer" else "completed"
            return {**body, "status": status, "steps": [_output(*videos)]}


def _output(*contents: dict[str, str]) -> dict[str, Any]:
    return {"type": "model_output", "content": list(contents)}


def _text(film: bytes) -> str:
    return base64.b64encode(film).decode()
