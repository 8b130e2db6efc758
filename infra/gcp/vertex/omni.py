"""Gemini Omni's way of taking an order and of telling how it goes: an interaction in the background."""

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from infra.gcp.vertex.echo import without_echo
from infra.gcp.vertex.failures import no_video_failure, operation_failure, safety_failure, stopped_failure
from infra.gcp.vertex.models import Family
from infra.gcp.vertex.operations import GeneratedFiles, Operation, read_base64
from infra.gcp.vertex.polling import STILL_RUNNING
from infra.gcp.vertex.requests import ClipRequest, labels_for, prompt_for
from schemas.errors import Charged, Failure, NotFound
from schemas.ports import GenerationFailed, GenerationRunning

if TYPE_CHECKING:
    from google.genai.client import AsyncClient


async def submit(client: "AsyncClient", order: ClipRequest) -> None:
    """Send it. In the background and stored: any process can ask for it, for at least 7 days."""
    await client.interactions.create(
        model=order.model.id,
        input=_input(order),
        background=True,
        store=True,
        response_format=[_format(order)],
        generation_config=_config(order),
        labels=labels_for(order.request),
        **_previous(order),
    )


async def poll(
    client: "AsyncClient", operation: Operation, texts: Sequence[str]
) -> GenerationRunning | GeneratedFiles | GenerationFailed:
    """Ask once."""
    answer: Any = await client.interactions.get(operation.id)
    return outcome(answer, texts)


def outcome(interaction: Any, texts: Sequence[str] = ()) -> GenerationRunning | GeneratedFiles | GenerationFailed:
    """What an interaction says. `texts` is what the caller wrote.

    A stored interaction repeats the caller's input as steps of its own: only what the model put out is an answer. Files
    come before reasons, because they were paid. A status that this version does not know is not an end.
    """
    if interaction.status in STILL_RUNNING:
        return GenerationRunning()
    steps = interaction.steps or ()
    contents = _contents(step for step in steps if step.type == _OUTPUT)
    videos = [content for content in contents if content.type == "video"]
    uris = tuple(video.uri for video in videos if video.uri)
    films = tuple(film for video in videos if (film := read_base64(video.data)))
    if uris or films:
        return GeneratedFiles(
            uris=uris, films=films, model=str(interaction.model or ""), video_tokens=_video_tokens(interaction)
        )
    if interaction.status not in _ENDED:
        return GenerationRunning()
    asked = _contents(step for step in steps if step.type == _INPUT)
    return GenerationFailed(failure=_failure(interaction, steps, _words(contents), (*texts, *_words(asked))))


def _video_tokens(interaction: Any) -> int:
    counts = (interaction.usage and interaction.usage.output_tokens_by_modality) or ()
    return sum(count.tokens or 0 for count in counts if str(count.modality).lower() == "video")


def _contents(steps: Iterable[Any]) -> list[Any]:
    return [content for step in steps for content in step.content or ()]


def _words(contents: Iterable[Any]) -> list[str]:
    return [content.text for content in contents if content.type == "text" and content.text]


def _failure(interaction: Any, steps: Iterable[Any], said: Sequence[str], texts: Sequence[str]) -> Failure:
    errors = [step.error for step in steps if step.type == _OUTPUT and step.error]
    for error in (*errors, *(interaction.errors or ())):
        return operation_failure(_code(error.code), error.message or "", texts)
    whole = without_echo(" ".join(said), texts)
    if unsafe := safety_failure(whole, charged=Charged.UNKNOWN):
        return unsafe
    return no_video_failure(0, ()) if interaction.status == "completed" else stopped_failure(interaction.status, whole)


_OUTPUT, _INPUT = "model_output", "user_input"
_ENDED = frozenset({"completed", "failed", "cancelled", "incomplete", "budget_exceeded"})
_CODES = {
    "resource_exhausted": 8,
    "too_many_requests": 8,
    "rate_limit_exceeded": 8,
    "quota_exceeded": 8,
    "invalid_argument": 3,
    "permission_denied": 7,
}


def _code(code: int | str | None) -> int | None:
    """A number of google.rpc in a step, the end of a URI in the interaction."""
    return code if isinstance(code, int) else _CODES.get(re.split(r"[/#:]", code or "")[-1].lower())


def _input(order: ClipRequest) -> list[dict[str, str]]:
    parts = [{"type": "text", "text": prompt_for(order.model, order.request)}]
    if order.image and order.image_type:
        parts.append({"type": "image", "uri": order.image, "mime_type": order.image_type})
    if order.extends and not _previous(order):
        parts.append({"type": "video", "uri": order.extends, "mime_type": "video/mp4"})
    return parts


def _previous(order: ClipRequest) -> dict[str, Any]:
    """The interaction to go on from. Google takes a video by its address only up to 10 s, and not everywhere."""
    try:
        found = Operation.parse(order.previous)
    except NotFound:
        return {}
    return {"previous_interaction_id": found.id} if found.family is Family.OMNI else {}


def _format(order: ClipRequest) -> dict[str, str]:
    """The aspect ratio is always said: it would be guessed from the prompt."""
    return {
        "type": "video",
        "delivery": "uri",
        "gcs_uri": order.target,
        "aspect_ratio": order.request.aspect_ratio,
        "resolution": order.request.resolution,
        "duration": f"{order.seconds}s",
    }


def _config(order: ClipRequest) -> dict[str, Any]:
    task = "extend" if order.extends else "image_to_video" if order.image else "text_to_video"
    seed = {} if order.request.seed is None else {"seed": order.request.seed}
    return {"video_config": {"task": task}, **seed}
