"""Reads the small JSON bodies of the calls that act on a job or a dead letter."""

from typing import TypeVar

from pydantic import BaseModel, Field, ValidationError

from publisher.facade.call import Call
from publisher.facade.request_body import Upload
from publisher.resolve import Decision
from schemas.errors import Invalid
from schemas.versioning import Asked
from schemas.wire.types import Usd
from schemas.wire.validation import parse_object, to_invalid
from schemas.wire.webhook import WebhookUrl

_BYTES_AT_MOST = 10_000
M = TypeVar("M", bound=BaseModel)


class EraseRequest(Asked):
    """An empty object: an erasure has no choices."""


class DeadLetterReplayRequest(Asked):
    """What the caller agrees to pay."""

    pay: Usd | None = Field(default=None, description="The `price_usd` of the quote. Without it nothing is paid.")


class ReplayRequest(DeadLetterReplayRequest):
    """What the caller agrees to pay, and which life of the job it means."""

    life: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="The life of the quote; required with `pay`. A later life: no replay.",
    )


class ResolveRequest(DeadLetterReplayRequest):
    """The decision of a person about one attempt of a clip."""

    decision: Decision
    clip: int = Field(ge=0, le=1000)
    attempt: int = Field(ge=0, le=1_000_000, description="As the evidence shows it: another attempt is a conflict.")


class FilmRetakeRequest(Asked):
    """Which take of a scene is ordered, and what it may cost."""

    take: int = Field(ge=2, le=1000, description="One more than the scene has: a repeated call finds its own take.")
    max_cost_usd: Usd | None = Field(default=None, description="What is new may not cost more.")


class WebhookTestRequest(Asked):
    """The address of a receiver."""

    url: WebhookUrl


BODIES = (EraseRequest, DeadLetterReplayRequest, ReplayRequest, ResolveRequest, FilmRetakeRequest, WebhookTestRequest)


async def read_body(call: Call, model: type[M]) -> M:
    """Return the body; an empty one is an empty object. Raises `Invalid`, `TooSlow` and `Overloaded`."""
    with Upload(call.state["uploads"]) as upload:
        body = await upload.read(call)
    if len(body) > _BYTES_AT_MOST:
        raise Invalid(f"the body must have at most {_BYTES_AT_MOST:,} bytes, not {len(body):,}")
    try:
        return model.model_validate(parse_object(body or b"{}", what="the body"))
    except ValidationError as error:
        raise to_invalid(error) from error
