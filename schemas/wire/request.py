"""The request for one video, and the request to cancel a job. Both are sent on the request topic.

Unknown keys are refused: if one were ignored, the caller would pay for a video other than it asked for.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Set
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.config import JsonDict

from schemas.errors import Invalid
from schemas.versioning import STORED, Asked
from schemas.wire.media_types import is_data_url, is_padded, plain_data_url
from schemas.wire.scene import BLANKS, Scene, build_prompt, duration_of, has_visible_texts
from schemas.wire.types import AS_WHOLE, JobId, Moment, Priority, Usd, WholeNumber
from schemas.wire.validation import has_visible_text
from schemas.wire.webhook import Webhook

PROMPT_MIN = 10
PROMPT_MAX = 2000
_LOOKED_AT = 10_000
"""A prompt with more characters is too long anyway, so that the rest is not read."""
DURATION_MIN_S = 1
DURATION_MAX_S = 30
DURATION_DEFAULT_S = 5
IMAGE_TYPES = ("image/png", "image/jpeg", "image/webp")
IMAGE_MAX_BYTES = 20_000_000
"""Veo takes images up to 20 MB (Veo 3.1 model card)."""
REFERENCE_IMAGES_AT_MOST = 3
"""Veo takes so many (Veo 3.1 model card)."""
INLINE_IMAGE_MAX_BYTES_ON_BUS = 7_000_000
"""A Pub/Sub message holds 10 MB, and base64 makes 4 bytes of 3."""

BY_REELBUS = frozenset(
    [
        "job_id",
        "scene",
        "quality",
        "model",
        "project_id",
        "scene_index",
        "start_before",
        "max_cost_usd",
        "on_unknown_submit",
        "labels",
        "priority",
        "webhook",
        "evaluate",
    ]
)
"""The fields that reelbus itself carries out. Every other field is for the model: a model uses it or refuses it."""

_REFERENCE = re.compile(
    r"data:(?:image/png|image/jpeg|image/webp);base64,[A-Za-z0-9+/]+={0,2}"
    r"|gs://[a-z0-9][a-z0-9._-]{1,220}/[^\s\x00-\x1f]{1,1024}"
    r"|reelbus:references/[0-9a-f]{64}\.(?:png|jpg|webp)"
)
"""The forms that a request holds. Other `data:` URLs are converted to the first one."""
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ].+")


def _without_default(schema: JsonDict) -> None:
    """Hide the default: an empty prompt means that the scene gives it, and is refused without a scene."""
    schema.pop("default", None)


class Quality(StrEnum):
    """The two names that callers use. Settings say which models each one stands for."""

    FAST = "fast"
    QUALITY = "quality"


class OnUnknownSubmit(StrEnum):
    """What the worker does if it can't find out whether a submit was accepted."""

    FAIL = "fail"
    RESUBMIT = "resubmit"


def _check_image(reference: str) -> str:
    """Return the reference in the form that requests hold. Raises `ValueError`."""
    try:
        is_plain = _REFERENCE.fullmatch(reference) is not None
        if is_data_url(reference) and not (is_plain and is_padded(reference)):
            return plain_data_url(reference)
        if is_plain:
            return reference
    except ValueError:
        pass
    raise ValueError("must be a data: URL (base64 PNG, JPEG or WebP) or a gs://bucket/object URI")


ReferenceImage = Annotated[
    str,
    Field(max_length=28_000_000, json_schema_extra={"pattern": f"^(?:{_REFERENCE.pattern})$"}),
    AfterValidator(_check_image),
]
ReferenceImages = Annotated[tuple[ReferenceImage, ...], Field(max_length=REFERENCE_IMAGES_AT_MOST)]
LabelKey = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
LabelValue = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]{0,63}$")]


class VideoRequest(Asked):
    """A request for one video (`reelbus.video.requested.v1`). A null counts as an absent key."""

    model_config = ConfigDict(
        title="VideoRequest",
        json_schema_extra={
            "additionalProperties": False,
            "anyOf": [{"required": ["prompt"]}, {"required": ["scene"]}],
        },
    )

    job_id: JobId = Field(description="Idempotency key, chosen by the caller before it sends.")
    scene: Scene | None = Field(default=None, description="Prompt and duration are built from it if they are absent.")
    prompt: str = Field(
        default="",
        min_length=PROMPT_MIN,
        max_length=PROMPT_MAX,
        validate_default=True,
        description="Blanks at its ends are removed.",
        json_schema_extra=_without_default,
    )
    duration_seconds: WholeNumber = Field(
        default=DURATION_DEFAULT_S, ge=DURATION_MIN_S, le=DURATION_MAX_S, description="Whole seconds, exact to a frame."
    )
    quality: Quality = Quality.FAST
    aspect_ratio: Literal["16:9", "9:16"] = "16:9"
    resolution: Literal["720p", "1080p", "4k"] = "720p"
    negative_prompt: str | None = Field(default=None, max_length=2000)
    style: str | None = Field(default=None, max_length=200)
    seed: Annotated[int, Field(ge=0, le=4_294_967_295), AS_WHOLE] | None = None
    generate_audio: StrictBool = True
    reference_image: ReferenceImage | None = Field(
        default=None,
        description="First frame: a data: URL (PNG, JPEG, WebP; 20 MB at most, 7 MB on the bus) or a gs:// URI.",
    )
    last_image: ReferenceImage | None = Field(
        default=None,
        description="Last frame, as `reference_image` is the first one. No clip is cut or extended then.",
        exclude_if=lambda image: image is None,  # as `priority` below
    )
    reference_images: ReferenceImages = Field(
        default=(),
        description="What the video has to show, for example a person or a product: images as in `reference_image`.",
        exclude_if=lambda images: not images,
    )
    model: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
    project_id: str | None = Field(default=None, pattern=r"^[^\s\x00-\x1f/]{1,128}$")
    scene_index: Annotated[int, Field(ge=0, le=100_000), AS_WHOLE] | None = None
    start_before: Moment | None = Field(default=None, description="Not started by then: expired, nothing charged.")
    max_cost_usd: Usd | None = Field(default=None, description="The plan's price may not exceed this.")
    on_unknown_submit: OnUnknownSubmit = OnUnknownSubmit.FAIL
    labels: dict[LabelKey, LabelValue] = Field(
        default_factory=dict, max_length=32, json_schema_extra={"additionalProperties": False}
    )
    priority: Priority = Field(
        default="interactive",
        description="The lane: batch work may wait while interactive requests wait too.",
        exclude_if=lambda lane: lane == "interactive",  # release 0.1.0 refuses a key that it does not know
    )
    webhook: Webhook | None = Field(
        default=None,
        description="Where the end of the job is posted. No completion repeats it.",
        exclude_if=lambda webhook: webhook is None,
    )

    evaluate: StrictBool = Field(
        default=False,
        description="Score the finished video against its prompt, which costs model calls. No completion repeats it.",
        exclude_if=lambda evaluate: not evaluate,
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        known = {key: value for key, value in data.items() if value is not None or key not in cls.model_fields}
        if "duration_seconds" not in known and known.get("scene") is not None:
            known["duration_seconds"] = None
        return known

    @field_validator("prompt", mode="before")
    @classmethod
    def _from_scene(cls, prompt: Any, info: ValidationInfo) -> Any:
        scene = info.data.get("scene")
        given = prompt.strip(BLANKS) if isinstance(prompt, str) else prompt
        if given != "":
            if isinstance(given, str) and info.context is not STORED and not has_visible_text(given[:_LOOKED_AT]):
                raise ValueError("must have a character that can be seen")
            return given
        if scene is None:
            raise ValueError("is required, or a scene to build it from")
        built = build_prompt(scene)
        if built and info.context is not STORED and not has_visible_texts(scene):
            raise ValueError("built from the scene must have a character that can be seen")
        if not PROMPT_MIN <= len(built) <= PROMPT_MAX:
            raise ValueError(
                f"built from the scene must have at least {PROMPT_MIN} and at most {PROMPT_MAX} characters, "
                f"not {len(built)}"
            )
        return built

    @field_validator("duration_seconds", mode="before")
    @classmethod
    def _as_long_as_the_scene(cls, duration: Any, info: ValidationInfo) -> Any:
        scene = info.data.get("scene")
        if duration is not None:
            return duration
        return DURATION_DEFAULT_S if scene is None else (duration_of(scene) or DURATION_DEFAULT_S)

    @field_validator("start_before", mode="before")
    @classmethod
    def _is_a_moment(cls, value: Any) -> Any:
        """Refuse a bare number: it could be seconds or milliseconds, of any epoch."""
        if isinstance(value, datetime) or (isinstance(value, str) and _MOMENT.fullmatch(value)):
            return value
        raise ValueError("must be a moment with a time zone, for example 2026-01-31T12:00:00Z")

    @property
    def images(self) -> dict[str, str]:
        """The images by their fields: `reference_image`, `last_image`, `reference_images.0` and so on."""
        fields = {"reference_image": self.reference_image, "last_image": self.last_image}
        fields |= {f"reference_images.{index}": image for index, image in enumerate(self.reference_images)}
        return {field: image for field, image in fields.items() if image is not None}

    def rename_images(self, names: Mapping[str, str]) -> "VideoRequest":
        """Return the request with other names for its images. An image that `names` has not keeps its name."""
        update: dict[str, Any] = {
            field: names.get(image, image)
            for field, image in self.images.items()
            if field in ("reference_image", "last_image")
        }
        update["reference_images"] = tuple(names.get(image, image) for image in self.reference_images)
        return self.model_copy(update=update)

    @property
    def frame_size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        short = {"720p": 720, "1080p": 1080, "4k": 2160}[self.resolution]
        long = short * 16 // 9
        return (long, short) if self.aspect_ratio == "16:9" else (short, long)

    @classmethod
    def fields_for_models(cls) -> tuple[str, ...]:
        """Return the names of the fields that a model uses or refuses."""
        return tuple(name for name in cls.model_fields if name not in BY_REELBUS)

    @property
    def words(self) -> tuple[str, ...]:
        """The texts that the caller wrote freely for the model, which a provider may quote in its messages."""
        free = [
            name for name in self.fields_for_models() if type(self).model_fields[name].annotation in (str, str | None)
        ]
        return tuple(text for name in free if (text := getattr(self, name)))

    def check_used(self, used: Set[str], model: str) -> None:
        """Raise `Invalid` for a field that is set but not used: an ignored field makes a wrong video.

        A field with its default, or with an empty text, is not set.
        """
        for name in self.fields_for_models():
            value = getattr(self, name)
            if name not in used and value not in (type(self).model_fields[name].default, ""):
                refused = "false" if value is False else "given"
                raise Invalid(f"{name} can't be {refused} for {model}", field=name)

    def fingerprint(self) -> str:
        """Return a digest of all fields but the id. The same id with another fingerprint is refused (409).

        Defaults are left out, so that a field that a later version adds does not change the fingerprints of old jobs.
        """
        body = self.model_dump(mode="json", exclude={"job_id"}, exclude_defaults=True)
        return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    def body(self) -> dict[str, Any]:
        """Return the request as it is stored and sent: without defaults, so that the version before can read it.

        The duration is always written, since without one it would be read from the scene.
        """
        fields = self.model_dump(mode="json", exclude_defaults=True)
        return {**fields, "duration_seconds": self.duration_seconds}

    def allows(self, price_usd: Decimal) -> bool:
        """Return whether the caller accepts this price."""
        return self.max_cost_usd is None or price_usd <= self.max_cost_usd


def _read_stored(value: object) -> object:
    return VideoRequest.model_validate(value, context=STORED) if isinstance(value, dict) else value


StoredRequest = Annotated[VideoRequest, BeforeValidator(_read_stored)]
"""The request of a record or a completion. Rules that were added later don't apply, and unknown keys are kept."""


class CancelRequest(Asked):
    """A cancel of one job (`reelbus.video.cancel.v1`). Before the submit nothing is charged.

    A clip that was submitted before is charged, and discarded.
    """

    model_config = ConfigDict(title="CancelRequest")

    job_id: JobId
    reason: str | None = Field(default=None, max_length=500)
