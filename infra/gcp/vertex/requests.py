"""One paid call in the form that every family can send: the clip, its files, the prompt with its style, the labels."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from infra.gcp.vertex.models import MODELS, Model
from infra.gcp.vertex.planning import image_type
from schemas.domain.clip import Clip
from schemas.domain.object_names import name_in_store
from schemas.errors import Category, Charged, Failure, SubmitRefused
from schemas.wire.request import VideoRequest

_LABEL_AT_MOST = 63
_NOT_IN_LABELS = re.compile(r"[^a-z0-9_-]")


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipImage:
    """An image in a bucket."""

    uri: str
    type: str
    """Its media type."""

    @classmethod
    def build(cls, reference: str, bucket: str) -> "ClipImage":
        """Build it from the name that a request has for it."""
        stored = name_in_store(reference)
        return cls(uri=f"gs://{bucket}/{stored}" if stored else reference, type=image_type(reference))


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipRequest:
    """A clip at a model, with its files as URIs in the bucket."""

    model: Model
    request: VideoRequest
    seconds: int
    target: str
    """Where Google writes the file: `gs://bucket/prefix/`."""
    image: ClipImage | None
    last_image: ClipImage | None
    reference_images: tuple[ClipImage, ...]
    extends: str | None
    """The video that this clip extends."""
    previous: str = ""
    """The operation that generated that video; empty if it is unknown."""

    @classmethod
    def build(
        cls, request: VideoRequest, clip: Clip, sources: Sequence[str], bucket: str, previous: str = ""
    ) -> "ClipRequest":
        """Build the request.

        Raises `SubmitRefused` for a clip that this version can't make, of another version's plan.
        """
        model = MODELS.get(clip.planned.model)
        if model is None or not clip.prefix or (clip.planned.extends and not sources):
            words = f"This version can't make clip {clip.index} of the plan at {clip.planned.model}; nothing was sent."
            failure = Failure(category=Category.INTERNAL, code="unknown_plan", message=words, charged=Charged.NO)
            raise SubmitRefused(failure)
        images = {} if clip.planned.extends else request.images
        found = {field: ClipImage.build(image, bucket) for field, image in images.items()}
        return cls(
            model=model,
            request=request,
            seconds=round(clip.planned.seconds),
            target=f"gs://{bucket}/{clip.prefix}",
            image=found.get("reference_image"),
            last_image=found.get("last_image"),
            reference_images=tuple(image for field, image in found.items() if field.startswith("reference_images.")),
            extends=f"gs://{bucket}/{sources[-1]}" if clip.planned.extends else None,
            previous=previous if clip.planned.extends else "",
        )


def prompt_for(model: Model, request: VideoRequest) -> str:
    """Build the prompt with the style, and with the negative prompt if the model has no parameter for it."""
    parts = [request.prompt]
    if request.style:
        parts.append(f"Style: {request.style}.")
    if request.negative_prompt and not model.negative_prompt:
        parts.append(f"Do not show: {request.negative_prompt}.")
    return "\n\n".join(parts)


def labels_for(request: VideoRequest) -> dict[str, str]:
    """Build the labels on the bill: the caller's, and ours under names that callers are unlikely to use."""
    ours = {
        "reelbus_job": request.job_id,
        "reelbus_project": request.project_id or "",
        "reelbus_quality": request.quality,
    }
    return {**request.labels, **{key: label_value(text) for key, text in ours.items() if text}}


def label_value(text: str) -> str:
    """Convert a text to a label value: at most 63 lower-case letters, digits, dashes and underscores."""
    return _NOT_IN_LABELS.sub("-", text.lower())[:_LABEL_AT_MOST]
