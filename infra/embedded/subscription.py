"""The leases of one process on messages of the SQLite bus.

Only leases that this process knows of are renewed. One that it lost track of (an answer that never came, a settlement
that failed) expires by itself, and its message is delivered again.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from functools import partial
from sqlite3 import Connection

from infra.embedded import bus_sql
from infra.embedded.bus_sql import LeasedMessage
from infra.embedded.database import Database, now_ms
from infra.embedded.notify import Notifier
from infra.subscription_stream import LeasedBatch
from schemas.errors import Unavailable
from schemas.ports import Subscription

logger = logging.getLogger(__name__)

Settlement = Callable[[Connection, str], str | None]
"""Settles one lease; returns the dead-letter topic if the message was given up."""


class Leases:
    """Claims and settlements of one process."""

    def __init__(self, database: Database, wake: Notifier, *, ack_deadline_s: float) -> None:
        self._database = database
        self._wake = wake
        self._lease_ms = int(ack_deadline_s * 1000)
        self._topics: dict[str, str] = {}
        """The topic of every unsettled lease."""

    def of(self, subscription: Subscription) -> "SubscriptionLeases":
        """Return the leases of one subscription."""
        return SubscriptionLeases(self, subscription)

    async def take(self, subscription: Subscription, limit: int) -> bus_sql.LeasedBatch:
        """Lease up to `limit` visible messages."""
        batch = await self._database.write(
            partial(bus_sql.claim, name=subscription.name, limit=limit, lease_ms=self._lease_ms), flush=False
        )
        self._topics.update((held.lease, subscription.topic) for held in batch.held)
        self._report(batch.given_up_to, subscription)
        return batch

    async def settle(self, held: LeasedMessage, subscription: Subscription, settlement: Settlement) -> None:
        """Settle a message and stop renewing its lease, even if this fails. After `release` it does nothing."""
        if held.lease not in self._topics:
            return
        try:
            flush = settlement is not bus_sql.ack  # a message whose ack is undone is delivered again
            given_up_to = await self._database.write(lambda connection: settlement(connection, held.lease), flush=flush)
        finally:
            self._topics.pop(held.lease, None)
        if settlement is not bus_sql.ack:
            self._wake.notify(subscription.topic)  # it is visible again, at a time that the consumers must learn
        self._report(given_up_to, subscription)

    async def give_back(self, unread: Collection[LeasedMessage], topic: str) -> None:
        """Return leased messages that no handler saw, as if they had never been delivered."""
        leases = [held.lease for held in unread if self._topics.pop(held.lease, None)]
        await self._return(leases, {topic}, counted=False)

    async def release(self) -> None:
        """Return everything that is still leased."""
        held, self._topics = self._topics, {}
        await self._return(list(held), set(held.values()), counted=True)

    def renew(self, connection: Connection) -> None:
        """Renew all leases. Called from the renewer's thread."""
        bus_sql.renew(connection, tuple(self._topics), lease_ms=self._lease_ms)

    async def _return(self, leases: Collection[str], topics: Collection[str], *, counted: bool) -> None:
        if not leases:
            return
        try:
            await self._database.write(partial(bus_sql.give_back, leases=leases, counted=counted))
        except Unavailable as error:  # they are not renewed any more, and expire
            logger.warning("leases could not be returned", extra={"action": "lease_return_failed", "cause": str(error)})
        for topic in topics:
            self._wake.notify(topic)

    def _report(self, given_up_to: str | None, subscription: Subscription) -> None:
        if given_up_to is None:
            return
        extra = {"action": "dead_letter", "subscription": subscription.name, "topic": given_up_to}
        logger.warning("a message was given up", extra=extra)
        self._wake.notify(given_up_to)


class SubscriptionLeases:
    """`LeaseSource` of one subscription."""

    def __init__(self, leases: Leases, subscription: Subscription) -> None:
        self._leases = leases
        self._subscription = subscription

    async def lease(self, limit: int) -> LeasedBatch[LeasedMessage]:
        batch = await self._leases.take(self._subscription, limit)
        next_in_s = None if batch.next_at_ms is None else max(0.0, (batch.next_at_ms - now_ms()) / 1000)
        return LeasedBatch(messages=batch.held, next_in_s=next_in_s)

    async def ack(self, held: LeasedMessage) -> None:
        await self._leases.settle(held, self._subscription, bus_sql.ack)

    async def nack(self, held: LeasedMessage, *, delay_s: float) -> None:
        await self._leases.settle(held, self._subscription, partial(bus_sql.nack, delay_ms=int(delay_s * 1000)))

    async def dead_letter(self, held: LeasedMessage, *, cause: str) -> None:
        await self._leases.settle(held, self._subscription, partial(bus_sql.dead_letter, cause=cause))

    async def give_back(self, unread: Sequence[LeasedMessage]) -> None:
        await self._leases.give_back(unread, self._subscription.topic)
