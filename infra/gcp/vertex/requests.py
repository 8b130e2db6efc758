"""One paid call, with everything that either family needs to know and nothing left to decide.

What a model is told beside its parameters: the prompt with its style, and the labels on the bill.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from infra.gcp.vertex.models import MODELS, Model
from infra.gcp.vertex.planning import image_type
from schemas.domain.clip import Clip
from schemas.domain.object_names import stored_name
from schemas.errors import Category, Charged, Failure, SubmitRefused
from schemas.wire.request import VideoRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipRequest:
    """A clip at a model, its files addressed in the bucket."""

    model: Model
    request: VideoRequest
    seconds: int
    target: str
    """Where the file goes: `gs://bucket/prefix/`."""
    image: str | None
    image_type: str | None
    extends: str | None
    """The video that this clip goes on from."""
    previous: str = ""
    """The operation that made that video; empty if it is not known."""

    @classmethod
    def build(
        cls, request: VideoRequest, clip: Clip, sources: Sequence[str], bucket: str, previous: str = ""
    ) -> "ClipRequest":
        """Raises `SubmitRefused` for a clip that this version can't make: its plan was frozen by another one."""
        model = MODELS.get(clip.planned.model)
        if model is None or not clip.prefix or (clip.planned.extends and not sources):
            raise SubmitRefused(_strange(clip))
        image = None if clip.planned.extends else request.reference_image
        return cls(
            model=model,
            request=request,
            seconds=round(clip.planned.seconds),
            target=f"gs://{bucket}/{clip.prefix}",
            image=_address(image, bucket) if image else None,
            image_type=image_type(image) if image else None,
            extends=f"gs://{bucket}/{sources[-1]}" if clip.planned.extends else None,
            previous=previous if clip.planned.extends else "",
        )


def _address(reference: str, bucket: str) -> str:
    name = stored_name(reference)
    return f"gs://{bucket}/{name}" if name else reference


def _strange(clip: Clip) -> Failure:
    words = f"This version can't make clip {clip.index} of the plan at {clip.planned.model}; nothing was sent."
    return Failure(category=Category.INTERNAL, code="unknown_plan", message=words, charged=Charged.NO)


_LABEL_AT_MOST = 63
_NOT_IN_LABELS = re.compile(r"[^a-z0-9_-]")


def prompt_for(model: Model, request: VideoRequest) -> str:
    """The prompt and the style; and what must not be seen, where the model has no parameter for that."""
    parts = [request.prompt]
    if request.style:
        parts.append(f"Style: {request.style}.")
    if request.negative_prompt and not model.negative_prompt:
        parts.append(f"Do not show: {request.negative_prompt}.")
    return "\n\n".join(parts)


def labels_for(request: VideoRequest) -> dict[str, str]:
    """The caller's own labels, and ours under names that are not likely to be theirs."""
    ours = {
        "reelbus_job": request.job_id,
        "reelbus_project": request.project_id or "",
        "reelbus_quality": request.quality,
    }
    return {**request.labels, **{key: label_value(text) for key, text in ours.items() if text}}


def label_value(text: str) -> str:
    """As Google takes it: at most 63 small letters, digits, dashes and underscores."""
    return _NOT_IN_LABELS.sub("-", text.lower())[:_LABEL_AT_MOST]
