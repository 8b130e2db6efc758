"""The webhook of a storyboard: an address, and which ends of the film are posted there."""

from enum import StrEnum

from pydantic import ConfigDict, Field, field_validator

from schemas.versioning import Asked
from schemas.wire.webhook import WebhookUrl


class FilmWebhookEvent(StrEnum):
    """An end of a revision of a film that a webhook reports."""

    SUCCEEDED = "succeeded"
    HELD = "held"
    FAILED = "failed"
    CANCELLED = "cancelled"


class FilmWebhook(Asked):
    """Where to post the ends of the film. The address may hold a token: no completion and no view repeats it."""

    model_config = ConfigDict(title="FilmWebhook")

    url: WebhookUrl = Field(description="An https:// address; signed by Standard Webhooks, see docs/webhooks.md.")
    events: tuple[FilmWebhookEvent, ...] = Field(
        default=tuple(FilmWebhookEvent),
        min_length=1,
        max_length=len(FilmWebhookEvent),
        description="Which ends are reported; by default all.",
    )

    @field_validator("events")
    @classmethod
    def _in_one_order(cls, events: tuple[FilmWebhookEvent, ...]) -> tuple[FilmWebhookEvent, ...]:
        """Return each event once: the order says nothing, and must not make another storyboard."""
        return tuple(event for event in FilmWebhookEvent if event in events)
