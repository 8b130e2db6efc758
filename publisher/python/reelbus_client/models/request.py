"""What a caller sends. Generated from the JSON Schemas by scripts/client_models.py. Do not edit."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, RootModel
from typing_extensions import TypeAliasType


class Scene(BaseModel):
    """One scene of a storyboard, with the callers' names. Its texts make the prompt of a request without one."""

    model_config = ConfigDict(
        extra="forbid",
    )
    title: Annotated[str | None, Field(max_length=2000)] = None
    description: Annotated[str | None, Field(max_length=2000)] = None
    visual: Annotated[str | None, Field(max_length=2000)] = None
    cameraFlow: Annotated[str | None, Field(max_length=2000)] = None
    script: Annotated[str | None, Field(max_length=2000)] = None
    backgroundMusic: Annotated[str | None, Field(max_length=2000)] = None
    timeStart: str | int | float | None = None
    timeEnd: str | int | float | None = None


class ReferenceImage(RootModel[str]):
    root: Annotated[
        str,
        Field(
            max_length=28000000,
            pattern="^(?:data:(?:image/png|image/jpeg|image/webp);base64,[A-Za-z0-9+/]+={0,2}|gs://[a-z0-9][a-z0-9._-]{1,220}/[^\\s\\x00-\\x1f]{1,1024}|reelbus:references/[0-9a-f]{64}\\.(?:png|jpg|webp))$",
        ),
    ]


LabelsAdditionalProperty = TypeAliasType(
    "LabelsAdditionalProperty", Annotated[str, Field(pattern="^[a-z0-9_-]{0,63}$")]
)


class CancelRequest(BaseModel):
    """
    A cancel of one job (`reelbus.video.cancel.v1`). Before the submit nothing is charged.

    A clip that was submitted before is charged, and discarded.
    """

    model_config = ConfigDict(
        extra="forbid",
    )
    job_id: Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,64}$")]
    reason: Annotated[str | None, Field(max_length=500)] = None


class Webhook(BaseModel):
    """Where to post the end of the job. The address may hold a token: no completion and no view repeats it."""

    model_config = ConfigDict(
        extra="forbid",
    )
    url: Annotated[
        str, Field(max_length=2048, pattern="^https?://[!$-.0-;=A-Z\\[\\]_a-z~]+(?:[/?][!$-;=?-Z\\[\\]_a-z~]*)?$")
    ]
    """An https:// address; signed by Standard Webhooks, see docs/webhooks.md."""
    events: Annotated[
        list[Literal["succeeded", "failed", "cancelled", "expired"]] | None, Field(max_length=4, min_length=1)
    ] = ["succeeded", "failed", "cancelled", "expired"]
    """Which ends are reported; by default all."""


class VideoRequest(BaseModel):
    """A request for one video (`reelbus.video.requested.v1`). A null counts as an absent key."""

    model_config = ConfigDict(
        extra="forbid",
    )
    job_id: Annotated[str | None, Field(pattern="^[A-Za-z0-9_-]{1,64}$")] = None
    """Idempotency key, chosen by the caller before it sends."""
    scene: Scene | None = None
    """Prompt and duration are built from it if they are absent."""
    prompt: Annotated[str | None, Field(max_length=2000, min_length=10)] = None
    """Blanks at its ends are removed."""
    duration_seconds: Annotated[int | None, Field(ge=1, le=30)] = 5
    """Whole seconds, exact to a frame."""
    quality: Literal["fast", "quality"] | None = "fast"
    """The two names that callers use. Settings say which models each one stands for."""
    aspect_ratio: Literal["16:9", "9:16"] | None = "16:9"
    resolution: Literal["720p", "1080p", "4k"] | None = "720p"
    negative_prompt: Annotated[str | None, Field(max_length=2000)] = None
    style: Annotated[str | None, Field(max_length=200)] = None
    seed: Annotated[int | None, Field(ge=0, le=4294967295)] = None
    generate_audio: bool | None = True
    reference_image: Annotated[
        str | None,
        Field(
            max_length=28000000,
            pattern="^(?:data:(?:image/png|image/jpeg|image/webp);base64,[A-Za-z0-9+/]+={0,2}|gs://[a-z0-9][a-z0-9._-]{1,220}/[^\\s\\x00-\\x1f]{1,1024}|reelbus:references/[0-9a-f]{64}\\.(?:png|jpg|webp))$",
        ),
    ] = None
    """First frame: a data: URL (PNG, JPEG, WebP; 20 MB at most, 7 MB on the bus) or a gs:// URI."""
    last_image: Annotated[
        str | None,
        Field(
            max_length=28000000,
            pattern="^(?:data:(?:image/png|image/jpeg|image/webp);base64,[A-Za-z0-9+/]+={0,2}|gs://[a-z0-9][a-z0-9._-]{1,220}/[^\\s\\x00-\\x1f]{1,1024}|reelbus:references/[0-9a-f]{64}\\.(?:png|jpg|webp))$",
        ),
    ] = None
    """Last frame, as `reference_image` is the first one. No clip is cut or extended then."""
    reference_images: Annotated[list[ReferenceImage] | None, Field(max_length=3, validate_default=True)] = []
    """What the video has to show, for example a person or a product: images as in `reference_image`."""
    model: Annotated[str | None, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] = None
    project_id: Annotated[str | None, Field(pattern="^[^\\s\\x00-\\x1f/]{1,128}$")] = None
    scene_index: Annotated[int | None, Field(ge=0, le=100000)] = None
    start_before: AwareDatetime | None = None
    """Not started by then: expired, nothing charged."""
    max_cost_usd: Annotated[float | None, Field(ge=0.0, le=1000000000.0)] = None
    """The plan's price may not exceed this."""
    on_unknown_submit: Literal["fail", "resubmit"] | None = "fail"
    """What the worker does if it can't find out whether a submit was accepted."""
    labels: Annotated[dict[str, LabelsAdditionalProperty] | None, Field(max_length=32)] = None
    priority: Literal["interactive", "batch"] | None = "interactive"
    """The lane: batch work may wait while interactive requests wait too."""
    webhook: Webhook | None = None
    """Where the end of the job is posted. No completion repeats it."""
    evaluate: bool | None = False
    """Score the finished video against its prompt, which costs model calls. No completion repeats it."""
