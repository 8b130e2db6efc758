"""One paid call, with everything that either family needs to know and nothing left to decide."""

from collections.abc import Sequence
from dataclasses import dataclass

from infra.gcp.models import MODELS, Model
from infra.gcp.planning import image_type
from schemas.errors import SubmitRefused
from schemas.failure import Category, Failure
from schemas.ledger import Clip
from schemas.names import stored_name
from schemas.request import VideoRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
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
    def of(cls, request: VideoRequest, clip: Clip, sources: Sequence[str], bucket: str, previous: str = "") -> "Order":
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
    return Failure(category=Category.INTERNAL, code="unknown_plan", message=words)
