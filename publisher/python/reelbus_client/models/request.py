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


class Captions(BaseModel):
    """The scenes' scripts as captions: times by the length of the text, two lines of 42 characters."""

    model_config = ConfigDict(
        extra="forbid",
    )
    from_: Annotated[Literal["script"], Field(alias="from")] = "script"
    sidecar: Annotated[list[Literal["vtt", "srt"]] | None, Field(max_length=2)] = []
    """Files of their own."""
    embed: bool | None = True
    """As a track of the film that a player can show or hide."""
    burn_in: bool | None = False
    """Drawn into the picture."""


class FilmDefaults(BaseModel):
    """What all scenes share, unless a scene says otherwise. All scenes have one size."""

    model_config = ConfigDict(
        extra="forbid",
    )
    duration_seconds: Annotated[int | None, Field(ge=1, le=30)] = None
    quality: Literal["fast", "quality"] | None = None
    negative_prompt: Annotated[str | None, Field(max_length=2000)] = None
    style: Annotated[str | None, Field(max_length=200)] = None
    seed: Annotated[int | None, Field(ge=0, le=4294967295)] = None
    generate_audio: bool | None = None
    reference_image: Annotated[
        str | None,
        Field(
            max_length=28000000,
            pattern="^(?:data:(?:image/png|image/jpeg|image/webp);base64,[A-Za-z0-9+/]+={0,2}|gs://[a-z0-9][a-z0-9._-]{1,220}/[^\\s\\x00-\\x1f]{1,1024}|reelbus:references/[0-9a-f]{64}\\.(?:png|jpg|webp))$",
        ),
    ] = None
    last_image: Annotated[
        str | None,
        Field(
            max_length=28000000,
            pattern="^(?:data:(?:image/png|image/jpeg|image/webp);base64,[A-Za-z0-9+/]+={0,2}|gs://[a-z0-9][a-z0-9._-]{1,220}/[^\\s\\x00-\\x1f]{1,1024}|reelbus:references/[0-9a-f]{64}\\.(?:png|jpg|webp))$",
        ),
    ] = None
    reference_images: Annotated[list[ReferenceImage] | None, Field(max_length=3)] = None
    """An empty list in a scene: without those of `defaults`."""
    model: Annotated[str | None, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] = None
    aspect_ratio: Literal["16:9", "9:16"] | None = "16:9"
    resolution: Literal["720p", "1080p", "4k"] | None = "720p"


class FilmMusic(BaseModel):
    """Music under the whole film. It is repeated, or cut, to the length of the film."""

    model_config = ConfigDict(
        extra="forbid",
    )
    uri: Annotated[str, Field(max_length=28000000, min_length=1)]
    """MP3, M4A, WAV, FLAC or Ogg of at most 20 MB and half an hour."""
    gain_db: Annotated[float | None, Field(ge=-40.0, le=6.0)] = -6
    """How much louder than the scenes it is; with normalise_lufs null, than its own file."""
    duck: bool | None = True
    """It is lowered while a scene is heard."""
    fade_seconds: Annotated[float | None, Field(ge=0.0, le=30.0)] = 2
    """At both ends, at most half of the film each."""


class Transition(BaseModel):
    """How a scene follows the one before it."""

    model_config = ConfigDict(
        extra="forbid",
    )
    kind: Literal["cut", "crossfade", "fade_black"] | None = "cut"
    seconds: Annotated[float | None, Field(ge=0.1, le=5.0)] = 0.5
    """A crossfade shows both scenes for so long; a fade is half of it out, and half of it in."""


class Trim(BaseModel):
    """The part of a scene that the film shows, in seconds of the scene."""

    model_config = ConfigDict(
        extra="forbid",
    )
    start: Annotated[float | None, Field(ge=0.0, le=30.0)] = 0
    end: Annotated[float | None, Field(gt=0.0, le=30.0)] = None
    """By default the end of the scene."""


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


class FilmAudio(BaseModel):
    """How loud a film is, and the music under it. A storyboard that says nothing gets the defaults."""

    model_config = ConfigDict(
        extra="forbid",
    )
    normalise_lufs: Annotated[float | None, Field(ge=-36.0, le=-9.0)] = -16.0
    """Each scene and the whole film get this integrated loudness (EBU R128); null leaves all as it is."""
    true_peak_dbtp: Annotated[float | None, Field(ge=-9.0, le=0.0)] = -1.5
    """No true peak is higher."""
    music: FilmMusic | None = None


class FilmScene(BaseModel):
    """One scene. Its job is named by what it contains: the same scene is paid for once, wherever it stands."""

    model_config = ConfigDict(
        extra="forbid",
    )
    duration_seconds: Annotated[int | None, Field(ge=1, le=30)] = None
    quality: Literal["fast", "quality"] | None = None
    negative_prompt: Annotated[str | None, Field(max_length=2000)] = None
    style: Annotated[str | None, Field(max_length=200)] = None
    seed: Annotated[int | None, Field(ge=0, le=4294967295)] = None
    generate_audio: bool | None = None
    reference_image: Annotated[
        str | None,
        Field(
            max_length=28000000,
            pattern="^(?:data:(?:image/png|image/jpeg|image/webp);base64,[A-Za-z0-9+/]+={0,2}|gs://[a-z0-9][a-z0-9._-]{1,220}/[^\\s\\x00-\\x1f]{1,1024}|reelbus:references/[0-9a-f]{64}\\.(?:png|jpg|webp))$",
        ),
    ] = None
    last_image: Annotated[
        str | None,
        Field(
            max_length=28000000,
            pattern="^(?:data:(?:image/png|image/jpeg|image/webp);base64,[A-Za-z0-9+/]+={0,2}|gs://[a-z0-9][a-z0-9._-]{1,220}/[^\\s\\x00-\\x1f]{1,1024}|reelbus:references/[0-9a-f]{64}\\.(?:png|jpg|webp))$",
        ),
    ] = None
    reference_images: Annotated[list[ReferenceImage] | None, Field(max_length=3)] = None
    """An empty list in a scene: without those of `defaults`."""
    model: Annotated[str | None, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")] = None
    name: Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,47}$")]
    """Unique in the film."""
    scene: Scene | None = None
    """Prompt and duration are built from it if they are absent."""
    prompt: Annotated[str | None, Field(max_length=2000)] = None
    take: Annotated[int | None, Field(ge=1, le=1000)] = 1
    """Another take is another video, and is paid for."""
    continue_from_previous: bool | None = False
    """Its first frame is the sharpest of the last half second that the film shows of the scene before."""
    transition: Transition | None = None
    trim: Trim | None = None


class FilmWebhook(BaseModel):
    """Where to post the ends of the film. The address may hold a token: no completion and no view repeats it."""

    model_config = ConfigDict(
        extra="forbid",
    )
    url: Annotated[
        str, Field(max_length=2048, pattern="^https?://[!$-.0-;=A-Z\\[\\]_a-z~]+(?:[/?][!$-;=?-Z\\[\\]_a-z~]*)?$")
    ]
    """An https:// address; signed by Standard Webhooks, see docs/webhooks.md."""
    events: Annotated[
        list[Literal["succeeded", "held", "failed", "cancelled"]] | None, Field(max_length=4, min_length=1)
    ] = ["succeeded", "held", "failed", "cancelled"]
    """Which ends are reported; by default all."""


class TitleCard(BaseModel):
    """A card with a text, shown before a scene. It is drawn, and costs nothing."""

    model_config = ConfigDict(
        extra="forbid",
    )
    before: Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,47}$")]
    """The `name` of the scene that follows it."""
    text: Annotated[str, Field(max_length=120)]
    seconds: Annotated[float | None, Field(ge=0.5, le=10.0)] = 2
    transition: Transition | None = None
    """How the card follows what is before it."""


class FilmRequest(BaseModel):
    """A storyboard: scenes in, one video out."""

    model_config = ConfigDict(
        extra="forbid",
    )
    film_id: Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,47}$")]
    """Idempotency key, chosen by the caller."""
    revision: Annotated[int | None, Field(ge=1, le=1000000)] = 1
    """Grows with each change."""
    project_id: Annotated[str | None, Field(pattern="^[^\\s\\x00-\\x1f/]{1,128}$")] = None
    max_cost_usd: Annotated[float | None, Field(ge=0.0, le=1000000000.0)] = None
    """What is new in this revision may not cost more."""
    defaults: FilmDefaults | None = None
    scenes: Annotated[list[FilmScene], Field(max_length=60, min_length=1)]
    on_scene_failure: Literal["hold", "card", "skip", "fail"] | None = "hold"
    """What becomes of a film if a scene has no video. A paid scene is kept in all cases."""
    audio: FilmAudio | None = None
    titles: Annotated[list[TitleCard] | None, Field(max_length=60, validate_default=True)] = []
    """At most one a scene."""
    captions: Captions | None = None
    outputs: Annotated[list[Literal["mp4", "otio", "edl", "fcpxml"]] | None, Field(min_length=1)] = ["mp4"]
    """What is made of the film. `mp4` always is; the others are timelines for editing programs."""
    webhook: FilmWebhook | None = None
    """Where to post the ends of the film."""
