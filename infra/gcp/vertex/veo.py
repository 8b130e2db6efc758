"""Veo's way of taking an order and of telling how it goes: a long-running prediction."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from infra.gcp.vertex.failures import no_video_failure, operation_failure
from infra.gcp.vertex.operations import GeneratedFiles, Operation
from infra.gcp.vertex.requests import ClipRequest, labels_for, prompt_for
from schemas.ports import GenerationFailed, GenerationRunning

if TYPE_CHECKING:
    from google.genai.client import AsyncClient
    from google.genai.types import GenerateVideosConfig, GenerateVideosOperation, GenerateVideosSource


async def submit(client: "AsyncClient", order: ClipRequest) -> None:
    """Send it."""
    await client.models.generate_videos(model=order.model.id, source=_source(order), config=_config(order))


async def poll(
    client: "AsyncClient", operation: Operation, texts: Sequence[str]
) -> GenerationRunning | GeneratedFiles | GenerationFailed:
    """Ask once."""
    from google.genai.types import GenerateVideosOperation

    asked = GenerateVideosOperation.model_validate({"name": operation.resource})
    return outcome(await client.operations.get(asked), texts)


def outcome(
    operation: "GenerateVideosOperation", texts: Sequence[str] = ()
) -> GenerationRunning | GeneratedFiles | GenerationFailed:
    """What an operation says. Files come before reasons: one that was filtered must not hide another that was paid."""
    if not operation.done:
        return GenerationRunning()
    if error := operation.error:
        return GenerationFailed(failure=operation_failure(error.get("code"), str(error.get("message", "")), texts))
    result = operation.response
    videos = [each.video for each in (result and result.generated_videos) or () if each.video]
    uris = tuple(video.uri for video in videos if video.uri)
    films = tuple(video.video_bytes for video in videos if video.video_bytes)
    if uris or films:
        return GeneratedFiles(uris=uris, films=films)
    if result:
        reasons = result.rai_media_filtered_reasons or []
        return GenerationFailed(failure=no_video_failure(result.rai_media_filtered_count or 0, reasons, texts))
    return GenerationFailed(failure=no_video_failure(0, ()))


def _source(order: ClipRequest) -> "GenerateVideosSource":
    from google.genai.types import GenerateVideosSource, Image, Video

    return GenerateVideosSource(
        prompt=prompt_for(order.model, order.request),
        image=Image(gcs_uri=order.image, mime_type=order.image_type) if order.image else None,
        video=Video(uri=order.extends, mime_type="video/mp4") if order.extends else None,
    )


def _config(order: ClipRequest) -> "GenerateVideosConfig":
    from google.genai.types import GenerateVideosConfig

    request = order.request
    return GenerateVideosConfig(
        number_of_videos=1,
        output_gcs_uri=order.target,
        duration_seconds=order.seconds,
        aspect_ratio=request.aspect_ratio,
        resolution=request.resolution,
        generate_audio=request.generate_audio,
        negative_prompt=request.negative_prompt or None,
        seed=request.seed,
        labels=labels_for(request),
    )
