"""A fallback: another model makes the video than the one that was asked for, since that one is not available.

The record keeps it as the `cause` of the first clip, since readers of every version know that field: code
`model_fallback`, the model that was asked for in `field`, and the reason in `message`. It says nothing about a charge.
"""

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

from schemas.errors import Category, Charged, Failure
from schemas.wire.types import Usd

if TYPE_CHECKING:
    from schemas.domain.job import Job

MODEL_FALLBACK = "model_fallback"
_ATTRIBUTE_AT_MOST_BYTES = 1024
"""Of a Pub/Sub message."""


class Fallback(BaseModel):
    """The model that was asked for, the one that makes the video, the reason and the price."""

    model_config = ConfigDict(frozen=True)

    asked_for: str
    made_by: str
    why: str
    price_usd: Usd = Field(description="Of the whole video, at the model that made it.")


def fallback_cause(asked_for: str, why: str) -> Failure:
    """Build the cause that the record keeps."""
    return Failure(category=Category.UPSTREAM, code=MODEL_FALLBACK, message=why, field=asked_for, charged=Charged.NO)


def fallback_of(job: "Job") -> Fallback | None:
    """Return the fallback of a job; None if the model that was asked for makes the video."""
    cause = job.clips[0].fallback if job.clips else None
    if cause is None or cause.field is None:
        return None
    return Fallback(
        asked_for=cause.field,
        made_by=job.clips[0].planned.model,
        why=cause.message,
        price_usd=sum(clip.planned.price_usd for clip in job.clips),
    )


def fallback_attributes(job: "Job") -> dict[str, str]:
    """Return the fallback as attributes of the completion: its body has only keys that every version knows."""
    found = fallback_of(job)
    if found is None:
        return {}
    why = found.why.encode()[:_ATTRIBUTE_AT_MOST_BYTES].decode(errors="ignore")
    return {
        "fallback_asked_for": found.asked_for,
        "fallback_made_by": found.made_by,
        "fallback_why": why,
        "fallback_price_usd": f"{found.price_usd:f}",
    }
