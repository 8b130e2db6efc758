"""What this process holds of the bus: taken, renewed for as long as the process lives, and settled.

Only leases that this process knows of are renewed. One that it lost track of (an answer that never came, a settlement
that failed) runs out by itself, and its message is delivered again.
"""

import logging
from collections.abc import Callable, Collection
from functools import partial
from sqlite3 import Connection

from infra.embedded import claims
from infra.embedded.claims import Claim, Held
from infra.embedded.database import Database
from infra.embedded.wake import Wake
from schemas.errors import Unavailable
from schemas.ports import Subscription

log = logging.getLogger(__name__)
Settlement = Callable[[Connection, str], str | None]
"""Settles one lease; returns the dead-letter topic where the message went there."""


class Leases:
    """Claims and settlements of one process."""

    def __init__(self, database: Database, wake: Wake, *, ack_deadline_s: float) -> None:
        self._database = database
        self._wake = wake
        self._lease_ms = int(ack_deadline_s * 1000)
        self._topics: dict[str, str] = {}
        """The topic of every lease held."""

    async def take(self, subscription: Subscription, limit: int) -> Claim:
        """Up to so many messages whose turn it is."""
        claim = await self._database.write(
            partial(claims.claim, name=subscription.name, limit=limit, lease_ms=self._lease_ms)
        )
        self._topics.update((held.lease, subscription.topic) for held in claim.held)
        self._report(claim.given_up_to, subscription)
        return claim

    async def settle(self, held: Held, subscription: Subscription, settlement: Settlement) -> None:
        """Settle it. Not renewed any more, however this ends. After `release` there is nothing to settle."""
        if held.lease not in self._topics:
            return
        try:
            given_up_to = await self._database.write(lambda connection: settlement(connection, held.lease))
        finally:
            self._topics.pop(held.lease, None)
        if settlement is not claims.ack:
            self._wake.hint(subscription.topic)  # it is there again, or at a time that the consumers have to learn
        self._report(given_up_to, subscription)

    async def give_back(self, unread: Collection[Held], topic: str) -> None:
        """Taken, but nobody saw it: as if it had never been delivered."""
        leases = [held.lease for held in unread if self._topics.pop(held.lease, None)]
        await self._return(leases, {topic}, counted=False)

    async def release(self) -> None:
        """Everything still held goes to whoever comes next."""
        held, self._topics = self._topics, {}
        await self._return(list(held), set(held.values()), counted=True)

    def renew(self, connection: Connection) -> None:
        """Hold on to all of it. Called from the heartbeat's thread."""
        claims.renew(connection, tuple(self._topics), lease_ms=self._lease_ms)

    async def _return(self, leases: Collection[str], topics: Collection[str], *, counted: bool) -> None:
        if not leases:
            return
        try:
            await self._database.write(partial(claims.give_back, leases=leases, counted=counted))
        except Unavailable as error:  # nobody renews them any more: they run out
            log.warning("leases could not be returned", extra={"action": "lease_return_failed", "cause": str(error)})
        for topic in topics:
            self._wake.hint(topic)

    def _report(self, given_up_to: str | None, subscription: Subscription) -> None:
        if given_up_to is None:
            return
        extra = {"action": "dead_letter", "subscription": subscription.name, "topic": given_up_to}
        log.warning("a message was given up", extra=extra)
        self._wake.hint(given_up_to)
