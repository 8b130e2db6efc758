"""The deliveries of webhooks, stored beside the jobs, and what posts them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from schemas.domain.delivery import DeliveryState, DisabledEndpoint, PostResult, WebhookDelivery, subject_of


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryQuery:
    """Which deliveries to list. All conditions hold together. The newest come first."""

    state: DeliveryState | None = None
    job_id: str | None = None
    film_id: str | None = None
    """Of a film, by its stored id, instead of a job."""
    caller: str | None = None
    limit: int = 50
    cursor: str | None = None

    @property
    def subject(self) -> str | None:
        """The subject of the deliveries: see `WebhookDelivery.subject`."""
        return self.job_id if self.film_id is None else subject_of("", self.film_id)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryPage:
    """One page of a listing."""

    deliveries: Sequence[WebhookDelivery]
    cursor: str | None
    """The cursor of the next page; None on the last page."""


class Deliveries(Protocol):
    """The records of webhook deliveries.

    A new adapter must guarantee that each change is a compare-and-set on `WebhookDelivery.revision`: of two couriers
    that claim the same version, one gets `Conflict`. What was created is durable once `create` returns.
    `tests/contract/test_deliveries.py` proves it.
    """

    async def create(self, delivery: WebhookDelivery) -> WebhookDelivery:
        """Store a new delivery. Return it with its revision. Raises `AlreadyExists`."""

    async def get(self, delivery_id: str) -> WebhookDelivery | None:
        """Return the newest version."""

    async def save(self, delivery: WebhookDelivery) -> WebhookDelivery:
        """Replace the version that `delivery.revision` names. Raises `Conflict` if that is not the newest version."""

    async def due(self, now: datetime, *, limit: int, without: Collection[str] = ()) -> Sequence[WebhookDelivery]:
        """Return deliveries whose `next_at` has come, the longest due first, but none of the hosts in `without`."""

    async def next_due(self) -> datetime | None:
        """Return the earliest `next_at` of all deliveries; None if none is pending."""

    async def list(self, query: DeliveryQuery) -> DeliveryPage:
        """Return a page of deliveries. Raises `Invalid` for a cursor that this listing did not return."""

    async def delete_before(self, before: datetime, *, limit: int) -> int:
        """Delete deliveries that were created before, and are not pending. Return how many."""

    async def disable_endpoint(self, endpoint: DisabledEndpoint) -> None:
        """Store that an endpoint is disabled at an address. One that is stored already stays as it is."""

    async def list_disabled_endpoints(self) -> Sequence[DisabledEndpoint]:
        """Return the disabled endpoints by their names."""

    async def enable_endpoint(self, name: str) -> bool:
        """Forget that the endpoint is disabled, at all its addresses. Return whether it was."""


class Poster(Protocol):
    """Posts an event to the address of a webhook."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> PostResult:
        """Post once, within 15 s. Never raises an error of the network: the result says what happened."""
