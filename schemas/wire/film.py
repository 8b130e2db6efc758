"""The storyboard of a film: up to 60 scenes that become one video, and how one follows the other.

A film's messages have topics of their own: a consumer of `video-completions` never meets a type that it does not know.
"""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, StrictBool, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from schemas.errors import Failure, Invalid
from schemas.versioning import STORED, Asked, Stored
from schemas.wire.film_audio import FilmAudio
from schemas.wire.film_parts import Captions, FilmExport, FilmOutput, TitleCard, Transition, Trim
from schemas.wire.film_webhook import FilmWebhook
from schemas.wire.message import Message
from schemas.wire.request import (
    DURATION_MAX_S,
    DURATION_MIN_S,
    Quality,
    ReferenceImage,
    ReferenceImages,
    VideoRequest,
)
from schemas.wire.scene import Scene
from schemas.wire.types import AS_WHOLE, Moment, Usd, WholeNumber, isoformat
from schemas.wire.validation import to_invalid

FILM_ID_PATTERN = r"^[A-Za-z0-9_-]{1,47}$"
"""A longer id of a caller with a key would not come back to it unchanged: `schemas.wire.caller_names`."""
SCENES_AT_MOST = 60
REQUESTED = "reelbus.film.requested.v1"
_MEASURED_BY_SCENE = ("name", "take", "transition", "trim", "continue_from_previous")
"""The fields of a scene that decide nothing about its picture, or that its job's id has already."""


class OnSceneFailure(StrEnum):
    """What becomes of a film if a scene has no video. A paid scene is kept in all cases."""

    HOLD = "hold"
    CARD = "card"
    SKIP = "skip"
    FAIL = "fail"


class _SceneFields(Asked):
    """What a scene may ask of its model, as in a request for one video."""

    duration_seconds: Annotated[int, Field(ge=DURATION_MIN_S, le=DURATION_MAX_S), AS_WHOLE] | None = None
    quality: Quality | None = None
    negative_prompt: str | None = Field(default=None, max_length=2000)
    style: str | None = Field(default=None, max_length=200)
    seed: Annotated[int, Field(ge=0, le=4_294_967_295), AS_WHOLE] | None = None
    generate_audio: StrictBool | None = None
    reference_image: ReferenceImage | None = None
    last_image: ReferenceImage | None = None
    reference_images: ReferenceImages | None = Field(
        default=None, description="An empty list in a scene: without those of `defaults`."
    )
    model: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")

    @property
    def images(self) -> tuple[str, ...]:
        """The images that are named here."""
        given = (self.reference_image, self.last_image, *(self.reference_images or ()))
        return tuple(image for image in given if image is not None)

    def with_images_of(self, request: "VideoRequest | _SceneFields | None") -> Self:
        """Return the same with the images of a request or of another scene; with None, without images."""
        update = {
            "reference_image": request.reference_image if request else None,
            "last_image": request.last_image if request else None,
            "reference_images": (request.reference_images or None) if request else None,
        }
        return self.model_copy(update=update)


class FilmDefaults(_SceneFields):
    """What all scenes share, unless a scene says otherwise. All scenes have one size."""

    aspect_ratio: Literal["16:9", "9:16"] = "16:9"
    resolution: Literal["720p", "1080p", "4k"] = "720p"


class FilmScene(_SceneFields):
    """One scene. Its job is named by what it contains: the same scene is paid for once, wherever it stands."""

    name: str = Field(pattern=FILM_ID_PATTERN, description="Unique in the film.")
    scene: Scene | None = Field(default=None, description="Prompt and duration are built from it if they are absent.")
    prompt: str | None = Field(default=None, max_length=2000)
    take: WholeNumber = Field(default=1, ge=1, le=1000, description="Another take is another video, and is paid for.")
    continue_from_previous: StrictBool = Field(
        default=False,
        description="Its first frame is the sharpest of the last half second that the film shows of the scene before.",
    )
    transition: Transition = Transition()
    trim: Trim = Trim()


class FilmRequest(Asked):
    """A storyboard: scenes in, one video out."""

    model_config = ConfigDict(title="FilmRequest")

    film_id: str = Field(pattern=FILM_ID_PATTERN, description="Idempotency key, chosen by the caller.")
    revision: WholeNumber = Field(default=1, ge=1, le=1_000_000, description="Grows with each change.")
    project_id: str | None = Field(default=None, pattern=r"^[^\s\x00-\x1f/]{1,128}$")
    max_cost_usd: Usd | None = Field(default=None, description="What is new in this revision may not cost more.")
    defaults: FilmDefaults = FilmDefaults()
    scenes: tuple[FilmScene, ...] = Field(min_length=1, max_length=SCENES_AT_MOST)
    on_scene_failure: OnSceneFailure = OnSceneFailure.HOLD
    audio: FilmAudio = FilmAudio()
    titles: tuple[TitleCard, ...] = Field(default=(), max_length=SCENES_AT_MOST, description="At most one a scene.")
    captions: Captions | None = None
    outputs: tuple[FilmOutput, ...] = Field(
        default=("mp4",),
        min_length=1,
        description="What is made of the film. `mp4` always is; the others are timelines for editing programs.",
    )
    webhook: FilmWebhook | None = Field(default=None, description="Where to post the ends of the film.")

    @field_validator("scenes")
    @classmethod
    def _has_unique_names(cls, scenes: tuple[FilmScene, ...]) -> tuple[FilmScene, ...]:
        names = [scene.name for scene in scenes]
        if again := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"must have unique names, and {again} is given twice")
        return scenes

    @field_validator("titles")
    @classmethod
    def _are_before_scenes(cls, titles: tuple[TitleCard, ...], info: ValidationInfo) -> tuple[TitleCard, ...]:
        names = [title.before for title in titles]
        known = {scene.name for scene in info.data.get("scenes", ())}
        for index, name in enumerate(names if known and info.context != STORED else ()):
            if name not in known or name in names[:index]:
                why = "is no scene of the film" if name not in known else "has a card already"
                raise PydanticCustomError("title", "{name} {why}", {"key": f"{index}.before", "name": name, "why": why})
        return titles

    @field_validator("outputs")
    @classmethod
    def _names_each_output_once(cls, outputs: tuple[FilmOutput, ...]) -> tuple[FilmOutput, ...]:
        if again := next((name for name in outputs if outputs.count(name) > 1), None):
            raise ValueError(f"must name each output once, and {again} is given twice")
        return outputs

    @property
    def exports(self) -> tuple[FilmExport, ...]:
        """The outputs beside the film's own file."""
        return tuple(name for name in self.outputs if name != "mp4")

    def body(self) -> dict[str, Any]:
        """Return the storyboard as it is stored: without defaults."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def is_same(self, other: "FilmRequest") -> bool:
        """Return whether the other storyboard asks for the same film. What it may cost makes no other film."""
        return self.body() | {"max_cost_usd": None} == other.body() | {"max_cost_usd": None}

    def request_of(self, scene: FilmScene, job_id: str) -> VideoRequest:
        """Return the request for one scene. Raises `Invalid`, which names the scene.

        It has neither the scene's place nor a limit of cost: both would make the same scene another request. The first
        frame of a scene that continues is missing: only the film knows the job of the scene before.
        """
        given = self.defaults.model_dump(exclude_none=True) | scene.model_dump(
            exclude_none=True, exclude=set(_MEASURED_BY_SCENE)
        )
        if scene.scene is not None:
            given["scene"] = scene.scene
        if scene.continue_from_previous:
            given.pop("reference_image", None)
        try:
            return VideoRequest.model_validate({**given, "job_id": job_id, "project_id": self.project_id})
        except ValidationError as error:
            raise self.locate(to_invalid(error), scene) from error

    def locate(self, error: Invalid, scene: FilmScene) -> Invalid:
        """Return the error of a scene's request, by the field of the storyboard that its value came from."""
        name = (error.field or "").partition(".")[0]
        place = f"scenes.{[each.name for each in self.scenes].index(scene.name)}"
        if getattr(scene, name, None) is None and getattr(self.defaults, name, None) is not None:
            place = "defaults"
        if error.field is None:
            return Invalid(f"{place}: {error}", field=place)
        return Invalid(f"{place}.{error}", field=f"{place}.{error.field}")


def _read_stored(value: object) -> object:
    return FilmRequest.model_validate(value, context=STORED) if isinstance(value, dict) else value


StoredFilmRequest = Annotated[FilmRequest, BeforeValidator(_read_stored)]
"""The storyboard of a record: rules that were added later don't apply, and unknown keys are kept."""


def check_cut(request: FilmRequest, lengths: Sequence[int]) -> None:
    """Raise `Invalid` for a trim or a transition that does not fit into scenes of these whole seconds."""
    cards = {title.before: (index, title) for index, title in enumerate(request.titles)}
    parts = list[tuple[str, Transition, Fraction]]()
    for index, (scene, length) in enumerate(zip(request.scenes, lengths, strict=True)):
        if found := cards.get(scene.name):
            parts.append((f"titles.{found[0]}", found[1].transition, Fraction(str(found[1].seconds))))
        parts.append((f"scenes.{index}", scene.transition, _seconds_of(scene, f"scenes.{index}.trim", length)))
    if parts[0][1].kind == "crossfade":
        field = f"{parts[0][0]}.transition.kind"
        raise Invalid(f"{field} can't be crossfade: no scene is before it", field=field)
    for (_, _, before), (place, transition, after) in pairwise(parts):
        most = min(before, after) / 2
        if transition.kind != "cut" and Fraction(str(transition.seconds)) > most:
            field = f"{place}.transition.seconds"
            limit = f"at most {float(most):g}, not {transition.seconds:g}"
            words = f"{field} must be {limit}: half of the shorter of both scenes"
            raise Invalid(words, field=field)


def _seconds_of(scene: FilmScene, field: str, length: int) -> Fraction:
    """Return how many seconds of the scene the film shows. Raises `Invalid`."""
    end = length if scene.trim.end is None else scene.trim.end
    if end > length:
        words = f"{field}.end must be at most {length}, not {end:g}, as the scene lasts so long"
        raise Invalid(words, field=f"{field}.end")
    if end - scene.trim.start < 0.5:
        words = f"{field} must leave at least 0.5 s of the scene, not {max(end - scene.trim.start, 0):g} s"
        raise Invalid(words, field=field)
    return Fraction(str(end)) - Fraction(str(scene.trim.start))


class FilmNotice(Stored):
    """The body of `reelbus.film.requested.v1`: a worker is to look at the film, which is in the job store."""

    film_id: str
    """The stored id."""
    revision: int


class FilmSceneEnd(Stored):
    """One scene of a finished film: its job, and when the film shows it."""

    name: str
    job_id: str
    video_id: str | None = Field(default=None, description="The id that the film's caller sees; in webhooks alone.")
    start_s: float
    end_s: float
    is_card: bool = Field(default=False, description="A card stands in its place: its job has no video.")
    reused: bool = Field(default=False, description="The job was there before this revision.")


class FilmTitleEnd(Stored):
    """When a film shows a title card."""

    before: str = Field(description="The `name` of the scene that it was ordered for.")
    text: str
    start_s: float
    end_s: float


class FilmFile(Stored):
    """A file beside the film."""

    kind: str
    gcs_path: str = Field(description="Name in the video store, under generated-videos/.")


class FilmCompletion(Stored):
    """The end of a revision of a film (`reelbus.film.{succeeded,held,failed,cancelled}.v1`)."""

    film_id: str
    revision: int
    state: str
    gcs_path: str | None = Field(default=None, description="Name in the video store, under generated-videos/.")
    video_url: str | None = None
    duration_seconds: float | None = None
    price_usd: Usd | None = Field(default=None, description="What this revision adds.")
    cost_usd: Usd | None = Field(
        default=None,
        description="What is known to have been spent on the film so far, scenes of earlier revisions included.",
    )
    scenes: tuple[FilmSceneEnd, ...] = ()
    titles: tuple[FilmTitleEnd, ...] = ()
    files: tuple[FilmFile, ...] = ()
    provenance: str | None = Field(
        default=None, description="kept or dropped: whether the file has a C2PA manifest as its scenes have."
    )
    error: Failure | None = None
    erased_at: Moment | None = Field(default=None, description="When the film was erased with its words and files.")


class EndOfRevision(Stored):
    """An end that is not announced yet, although the film goes on."""

    completion: FilmCompletion
    holds: int
    project_id: str | None = None
    """The project of this revision."""
    webhook_url: str | None = None
    """The address of this revision's storyboard that is told of this end."""


def encode_film_request(film_id: str, revision: int, *, at: datetime) -> Message:
    """Build the message that tells a worker of a film, a newer revision of it, or its cancel."""
    body = FilmNotice(film_id=film_id, revision=revision).model_dump_json().encode()
    return _encode(body, REQUESTED, f"{film_id}.{revision}.requested", film_id, at)


def encode_film_completion(completion: FilmCompletion, *, holds: int, at: datetime) -> Message:
    """Build the message of an end. A film that is held again, after `holds` times, sends another event."""
    # A job may have the id of the film: without a word of their own, two events would have one id.
    event_id = f"{completion.film_id}.{completion.revision}.film.{completion.state}"
    if completion.state == "held":
        event_id = f"{event_id}.{holds}"
    body = completion.model_dump_json(exclude_none=True).encode()
    return _encode(body, f"reelbus.film.{completion.state}.v1", event_id, completion.film_id, at)


def film_id_of(message: Message) -> str | None:
    """Return the film that a message names."""
    return message.attributes.get("film_id")


def _encode(body: bytes, kind: str, event_id: str, film_id: str, at: datetime) -> Message:
    attributes = {
        "film_id": film_id,
        "ce-type": kind,
        "ce-source": "reelbus",
        "ce-id": event_id,
        "ce-specversion": "1.0",
        "ce-time": isoformat(at),
    }
    return Message(data=body, attributes=attributes)
