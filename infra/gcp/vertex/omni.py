"""The requests and answers of Gemini Omni: a clip is an interaction in the background."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import httpx

from infra.gcp.vertex.failures import early_stop_failure, no_video_failure, operation_failure, safety_failure
from infra.gcp.vertex.models import Family
from infra.gcp.vertex.operations import GeneratedFiles, Location, Operation, decode_base64
from infra.gcp.vertex.requests import ClipRequest, labels_for, prompt_for
from infra.paid.echo import without_echo
from schemas.errors import Charged, Failure, NotFound
from schemas.ports import GenerationFailed, GenerationRunning

if TYPE_CHECKING:
    from google.genai.client import AsyncClient


_OUTPUT, _INPUT = "model_output", "user_input"
_RUNNING = frozenset({"in_progress", "queued", "requires_action", "requires_continuation"})
"""Google resumes an interaction in the background by itself."""
_ENDED = frozenset({"completed", "failed", "cancelled", "incomplete", "budget_exceeded"})
_CODES = {
    "resource_exhausted": 8,
    "too_many_requests": 8,
    "rate_limit_exceeded": 8,
    "quota_exceeded": 8,
    "invalid_argument": 3,
    "permission_denied": 7,
}


async def submit(client: "AsyncClient", clip: ClipRequest) -> None:
    """Send the request. The interaction is stored, so that any process can poll it for at least 7 days."""
    await client.interactions.create(
        model=clip.model.id,
        input=_input(clip),
        background=True,
        store=True,
        response_format=[_format(clip)],
        generation_config=_config(clip),
        labels=labels_for(clip.request),
        **_previous(clip),
    )


def poll_request(api: str, operation: Operation) -> httpx.Request:
    """Build the poll: `GET …/interactions/{id}`."""
    return httpx.Request("GET", f"{api}/{operation.resource}")


async def read_answer(
    client: "AsyncClient", operation: Operation, texts: Sequence[str]
) -> GenerationRunning | GeneratedFiles | GenerationFailed:
    """Read the received answer to a poll with the library."""
    answer: Any = await client.interactions.get(operation.id)
    return outcome(answer, texts)


def is_running(answer: Mapping[str, Any]) -> bool:
    """Return True if the answer to a poll says that the interaction is still running."""
    return answer.get("status") in _RUNNING


def resource_of(location: Location, name: str) -> str:
    """Return the resource of an accepted interaction: Omni names its id only."""
    return f"{location}/interactions/{name.rpartition('/')[2]}"


def outcome(interaction: Any, texts: Sequence[str] = ()) -> GenerationRunning | GeneratedFiles | GenerationFailed:
    """Read the outcome of an interaction. `texts` are the caller's.

    A stored interaction repeats the caller's input as steps: only output of the model counts. Files come before
    reasons, because they were paid. An interaction with a status that this version does not know is still running.
    """
    if interaction.status in _RUNNING:
        return GenerationRunning()
    steps = interaction.steps or ()
    contents = _contents(step for step in steps if step.type == _OUTPUT)
    videos = [content for content in contents if content.type == "video"]
    uris = tuple(video.uri for video in videos if video.uri)
    inline = tuple(content for video in videos if (content := decode_base64(video.data)))
    if uris or inline:
        counts = (interaction.usage and interaction.usage.output_tokens_by_modality) or ()
        tokens = sum(count.tokens or 0 for count in counts if str(count.modality).lower() == "video")
        return GeneratedFiles(uris=uris, films=inline, model=str(interaction.model or ""), video_tokens=tokens)
    if interaction.status not in _ENDED:
        return GenerationRunning()
    inputs = _contents(step for step in steps if step.type == _INPUT)
    return GenerationFailed(failure=_failure(interaction, steps, _texts(contents), (*texts, *_texts(inputs))))


def _contents(steps: Iterable[Any]) -> list[Any]:
    return [content for step in steps for content in step.content or ()]


def _texts(contents: Iterable[Any]) -> list[str]:
    return [content.text for content in contents if content.type == "text" and content.text]


def _failure(interaction: Any, steps: Iterable[Any], sentences: Sequence[str], texts: Sequence[str]) -> Failure:
    errors = [step.error for step in steps if step.type == _OUTPUT and step.error]
    for error in (*errors, *(interaction.errors or ())):
        return operation_failure(_rpc_code(error.code), error.message or "", texts)
    message = without_echo(" ".join(sentences), texts)
    if unsafe := safety_failure(message, charged=Charged.UNKNOWN):
        return unsafe
    return (
        no_video_failure(0, ())
        if interaction.status == "completed"
        else early_stop_failure(interaction.status, message)
    )


def _rpc_code(code: int | str | None) -> int | None:
    """Return the code of google.rpc: a step has the number, the interaction a URI that ends with the name."""
    return code if isinstance(code, int) else _CODES.get(re.split(r"[/#:]", code or "")[-1].lower())


def _input(clip: ClipRequest) -> list[dict[str, str]]:
    parts = [{"type": "text", "text": prompt_for(clip.model, clip.request)}]
    if clip.image:
        parts.append({"type": "image", "uri": clip.image.uri, "mime_type": clip.image.type})
    if clip.extends and not _previous(clip):
        parts.append({"type": "video", "uri": clip.extends, "mime_type": "video/mp4"})
    return parts


def _previous(clip: ClipRequest) -> dict[str, Any]:
    """Return the interaction to extend. Google extends a video by its URI only up to 10 s, and not everywhere."""
    try:
        previous = Operation.parse(clip.previous)
    except NotFound:
        return {}
    return {"previous_interaction_id": previous.id} if previous.family is Family.OMNI else {}


def _format(clip: ClipRequest) -> dict[str, str]:
    """Build the output format. Without an aspect ratio Google would derive it from the prompt."""
    return {
        "type": "video",
        "delivery": "uri",
        "gcs_uri": clip.target,
        "aspect_ratio": clip.request.aspect_ratio,
        "resolution": clip.request.resolution,
        "duration": f"{clip.seconds}s",
    }


def _config(clip: ClipRequest) -> dict[str, Any]:
    task = "extend" if clip.extends else "image_to_video" if clip.image else "text_to_video"
    seed = {} if clip.request.seed is None else {"seed": clip.request.seed}
    return {"video_config": {"task": task}, **seed}
