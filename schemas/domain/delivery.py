"""The record of one event that is posted to one address, and what each attempt changes in it. Pure.

An event is posted until its receiver answers with 2xx, ten times in 75 hours at most. A process that is killed between
the request and its record posts the event again: at least once, with the same `webhook-id`.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field
from pydantic_core import to_json

from schemas.versioning import Stored
from schemas.wire.types import Moment
from schemas.wire.webhook_endpoints import FROM_REQUEST

WAITS_S = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds between an attempt and the next one: the schedule of Standard Webhooks, 75 h 35 min in all."""
ATTEMPTS = len(WAITS_S) + 1
JITTER = 0.1
CLAIM = timedelta(seconds=30)
"""For how long the courier that claimed a delivery has it alone: an attempt takes 15 s at most."""
RETRY_AFTER_AT_MOST_S = 86_400.0
_ATTEMPTS_KEPT = 20


class DeliveryState(StrEnum):
    """What became of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    DISABLED = "disabled"


class Attempt(Stored):
    """One attempt. Nothing of the receiver's answer is kept but its status."""

    at: Moment
    status: int | None = None
    ms: int
    error: str | None = None
    """One word, for example `timeout`; None if the receiver accepted the event."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PostResult:
    """How one POST ended."""

    ms: int
    status: int | None = None
    error: str | None = None
    retry_after_s: float | None = None
    """What the receiver asked for with `Retry-After`."""

    @property
    def is_accepted(self) -> bool:
        """True if the receiver has the event."""
        return self.status is not None and 200 <= self.status < 300


class WebhookDelivery(Stored):
    """One event for one address."""

    delivery_id: str
    """The `webhook-id`, a dot, and the endpoint."""
    webhook_id: str
    event_id: str
    type: str
    job_id: str = ""
    """The job whose end it is; empty if it is the end of a film."""
    film_id: str | None = None
    """The stored id of the film."""
    caller: str | None = None
    endpoint: str = FROM_REQUEST
    url: str
    host: str
    """Whose share of the requests at a time it uses."""
    body: str
    """What every attempt sends; empty after the job or the film was erased, until it is built anew."""
    state: DeliveryState = DeliveryState.PENDING
    tries: int = 0
    """The attempts of this series."""
    attempts: tuple[Attempt, ...] = ()
    """The last 20 attempts of all series."""
    created_at: Moment
    next_at: Moment | None = None
    """When the next attempt is due, or when the claim of a courier expires."""

    revision: str = Field(default="", exclude=True)
    """The store's token for this version."""

    @property
    def address(self) -> str:
        """By which a disabled endpoint knows this address: a digest, since addresses often hold a token."""
        return address_of(self.url)

    @property
    def subject(self) -> str:
        """By which stores find the deliveries of one job or film."""
        return subject_of(self.job_id, self.film_id)

    def claim(self, now: datetime) -> "WebhookDelivery":
        """Return the delivery as the courier claims it, by a compare-and-set, before an attempt."""
        return self.model_copy(update={"next_at": now + CLAIM})

    def settle(self, result: PostResult, *, began: datetime, now: datetime, chance: float) -> "WebhookDelivery":
        """Return the delivery after an attempt. `chance` is a random number from 0 to 1."""
        attempt = Attempt(at=began, status=result.status, ms=result.ms, error=result.error)
        state, tries, next_at = DeliveryState.PENDING, self.tries + 1, None
        if result.is_accepted:
            state = DeliveryState.DELIVERED
        elif result.status == 410:
            state = DeliveryState.DISABLED
        elif tries >= ATTEMPTS:
            state = DeliveryState.FAILED
        else:
            wait_s = WAITS_S[tries - 1] * (1 - JITTER + 2 * JITTER * chance)
            asked_s = min(result.retry_after_s or 0.0, RETRY_AFTER_AT_MOST_S)
            next_at = now + timedelta(seconds=max(wait_s, asked_s))
        attempts = (*self.attempts, attempt)[-_ATTEMPTS_KEPT:]
        return self.model_copy(update={"state": state, "tries": tries, "attempts": attempts, "next_at": next_at})

    def disable(self) -> "WebhookDelivery":
        """Return the delivery as one that is not posted, since its endpoint is disabled."""
        return self.model_copy(update={"state": DeliveryState.DISABLED, "next_at": None})

    def replay(self, now: datetime) -> "WebhookDelivery":
        """Return the delivery at the start of a new series, under the same `webhook-id`."""
        return self.model_copy(update={"state": DeliveryState.PENDING, "tries": 0, "next_at": now})

    def erase(self) -> "WebhookDelivery":
        """Return the delivery without what the caller wrote. A pending one keeps its address."""
        is_pending = self.state is DeliveryState.PENDING
        return self.model_copy(update={"body": "", "url": self.url if is_pending else ""})


class DisabledEndpoint(Stored):
    """An endpoint of the settings that gets no events at one address: the receiver there answered 410 Gone.

    It stays so until an operator enables it. With another address in the settings the endpoint gets events again.
    """

    name: str
    address: str
    """The digest of its address."""
    url: str
    """The address without its query, for people."""
    disabled_at: Moment
    delivery_id: str
    """The delivery whose answer was 410."""

    def covers(self, delivery: WebhookDelivery) -> bool:
        """Return whether the delivery goes to this endpoint at this address."""
        return (self.name, self.address) == (delivery.endpoint, delivery.address)


def address_of(url: str) -> str:
    """Return the digest of an address."""
    return hashlib.sha256(url.encode()).hexdigest()[:32]


def subject_of(job_id: str, film_id: str | None) -> str:
    """Return the id of the job, or the id of the film with a sign before it that no id of a job has."""
    return job_id if film_id is None else f"film:{film_id}"


def record_of(delivery: WebhookDelivery) -> str:
    """Return the JSON text that stores keep."""
    return to_json(delivery.model_dump(mode="json", exclude_defaults=True)).decode()


def delivery_of_record(record: str, revision: str) -> WebhookDelivery:
    """Read the JSON text. Raises `ValidationError`."""
    return WebhookDelivery.model_validate_json(record).model_copy(update={"revision": revision})
