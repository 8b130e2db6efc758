"""The requests and answers of Veo: a clip is a long-running prediction."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import httpx

from infra.gcp.vertex.failures import no_video_failure, operation_failure
from infra.gcp.vertex.operations import GeneratedFiles, Location, Operation
from infra.gcp.vertex.requests import ClipImage, ClipRequest, labels_for, prompt_for
from schemas.ports import GenerationFailed, GenerationRunning

if TYPE_CHECKING:
    from google.genai.client import AsyncClient
    from google.genai.types import GenerateVideosConfig, GenerateVideosOperation, GenerateVideosSource, Image


async def submit(client: "AsyncClient", clip: ClipRequest) -> None:
    """Send the request."""
    await client.models.generate_videos(model=clip.model.id, source=_source(clip), config=_config(clip))


def poll_request(api: str, operation: Operation) -> httpx.Request:
    """Build the poll: `POST …:fetchPredictOperation`, which is free."""
    model = operation.resource.rpartition("/operations/")[0]
    return httpx.Request("POST", f"{api}/{model}:fetchPredictOperation", json={"operationName": operation.resource})


async def read_answer(
    client: "AsyncClient", operation: Operation, texts: Sequence[str]
) -> GenerationRunning | GeneratedFiles | GenerationFailed:
    """Read the received answer to a poll with the library."""
    from google.genai.types import GenerateVideosOperation

    named = GenerateVideosOperation.model_validate({"name": operation.resource})
    return outcome(await client.operations.get(named), texts)


def is_running(answer: Mapping[str, Any]) -> bool:
    """Return True if the answer to a poll says that the operation is still running."""
    return not answer.get("done")


def resource_of(location: Location, name: str) -> str:
    """Return the resource of an accepted operation: Veo names it in full."""
    del location
    return name


def outcome(
    operation: "GenerateVideosOperation", texts: Sequence[str] = ()
) -> GenerationRunning | GeneratedFiles | GenerationFailed:
    """Read the outcome of an operation. Files come before reasons: a filtered file must not hide another paid one."""
    if not operation.done:
        return GenerationRunning()
    if error := operation.error:
        return GenerationFailed(failure=operation_failure(error.get("code"), str(error.get("message", "")), texts))
    result = operation.response
    videos = [generated.video for generated in (result and result.generated_videos) or () if generated.video]
    uris = tuple(video.uri for video in videos if video.uri)
    inline = tuple(video.video_bytes for video in videos if video.video_bytes)
    if uris or inline:
        return GeneratedFiles(uris=uris, films=inline)
    if result:
        reasons = result.rai_media_filtered_reasons or []
        return GenerationFailed(failure=no_video_failure(result.rai_media_filtered_count or 0, reasons, texts))
    return GenerationFailed(failure=no_video_failure(0, ()))


def _source(clip: ClipRequest) -> "GenerateVideosSource":
    from google.genai.types import GenerateVideosSource, Video

    return GenerateVideosSource(
        prompt=prompt_for(clip.model, clip.request),
        image=_image(clip.image) if clip.image else None,
        video=Video(uri=clip.extends, mime_type="video/mp4") if clip.extends else None,
    )


def _image(image: ClipImage) -> "Image":
    from google.genai.types import Image

    return Image(gcs_uri=image.uri, mime_type=image.type)


def _config(clip: ClipRequest) -> "GenerateVideosConfig":
    from google.genai.types import GenerateVideosConfig, VideoGenerationReferenceImage, VideoGenerationReferenceType

    asset = VideoGenerationReferenceType.ASSET
    references = [
        VideoGenerationReferenceImage(image=_image(image), reference_type=asset) for image in clip.reference_images
    ]
    request = clip.request
    return GenerateVideosConfig(
        number_of_videos=1,
        output_gcs_uri=clip.target,
        duration_seconds=clip.seconds,
        aspect_ratio=request.aspect_ratio,
        resolution=request.resolution,
        generate_audio=request.generate_audio,
        negative_prompt=request.negative_prompt or None,
        seed=request.seed,
        last_frame=_image(clip.last_image) if clip.last_image else None,
        reference_images=references or None,
        labels=labels_for(request),
    )
