"""The messages of one subscriber as they come: claims ahead, never more than it may hold.

What this process holds of the bus: taken, renewed for as long as the process lives, and settled.

Only leases that this process knows of are renewed. One that it lost track of (an answer that never came, a settlement
that failed) runs out by itself, and its message is delivered again.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from sqlite3 import Connection

from infra.embedded import bus_sql
from infra.embedded.bus_sql import LeasedBatch, LeasedMessage
from infra.embedded.database import Database, now_ms
from infra.embedded.notify import Notifier
from schemas.errors import Moved, Unavailable
from schemas.ports import Delivery, Subscription
from schemas.wire.message import Message

logger = logging.getLogger(__name__)


Settlement = Callable[[Connection, str], str | None]
"""Settles one lease; returns the dead-letter topic where the message went there."""


class Leases:
    """Claims and settlements of one process."""

    def __init__(self, database: Database, wake: Notifier, *, ack_deadline_s: float) -> None:
        self._database = database
        self._wake = wake
        self._lease_ms = int(ack_deadline_s * 1000)
        self._topics: dict[str, str] = {}
        """The topic of every lease held."""

    async def take(self, subscription: Subscription, limit: int) -> LeasedBatch:
        """Up to so many messages whose turn it is."""
        claim = await self._database.write(
            partial(bus_sql.claim, name=subscription.name, limit=limit, lease_ms=self._lease_ms)
        )
        self._topics.update((held.lease, subscription.topic) for held in claim.held)
        self._report(claim.given_up_to, subscription)
        return claim

    async def settle(self, held: LeasedMessage, subscription: Subscription, settlement: Settlement) -> None:
        """Settle it. Not renewed any more, however this ends. After `release` there is nothing to settle."""
        if held.lease not in self._topics:
            return
        try:
            given_up_to = await self._database.write(lambda connection: settlement(connection, held.lease))
        finally:
            self._topics.pop(held.lease, None)
        if settlement is not bus_sql.ack:
            self._wake.notify(subscription.topic)  # it is there again, or at a time that the consumers have to learn
        self._report(given_up_to, subscription)

    async def give_back(self, unread: Collection[LeasedMessage], topic: str) -> None:
        """Taken, but nobody saw it: as if it had never been delivered."""
        leases = [held.lease for held in unread if self._topics.pop(held.lease, None)]
        await self._return(leases, {topic}, counted=False)

    async def release(self) -> None:
        """Everything still held goes to whoever comes next."""
        held, self._topics = self._topics, {}
        await self._return(list(held), set(held.values()), counted=True)

    def renew(self, connection: Connection) -> None:
        """Hold on to all of it. Called from the heartbeat's thread."""
        bus_sql.renew(connection, tuple(self._topics), lease_ms=self._lease_ms)

    async def _return(self, leases: Collection[str], topics: Collection[str], *, counted: bool) -> None:
        if not leases:
            return
        try:
            await self._database.write(partial(bus_sql.give_back, leases=leases, counted=counted))
        except Unavailable as error:  # nobody renews them any more: they run out
            logger.warning("leases could not be returned", extra={"action": "lease_return_failed", "cause": str(error)})
        for topic in topics:
            self._wake.notify(topic)

    def _report(self, given_up_to: str | None, subscription: Subscription) -> None:
        if given_up_to is None:
            return
        extra = {"action": "dead_letter", "subscription": subscription.name, "topic": given_up_to}
        logger.warning("a message was given up", extra=extra)
        self._wake.notify(given_up_to)


_DELAY_AT_MOST_S = 600


class SubscriptionStream:
    """An iterator of deliveries. Giving up on a `__anext__` loses nothing."""

    def __init__(self, leases: Leases, subscription: Subscription, *, limit: int, poll_interval_s: float) -> None:
        self._leases = leases
        self._subscription = subscription
        self._free = limit
        self._poll_interval_s = poll_interval_s
        self._ready: deque[LeasedMessage] = deque()
        self._arrived = asyncio.Event()
        self._nudged = asyncio.Event()
        self._more = False
        """Whether the last look may have left messages behind, for want of a free slot."""
        self._stopped = False
        self._pulling = asyncio.create_task(self._pull())
        self._pulling.add_done_callback(lambda _: self._arrived.set())

    def nudge(self) -> None:
        """Look again: something may have come."""
        self._nudged.set()

    def __aiter__(self) -> "SubscriptionStream":
        return self

    async def __anext__(self) -> Delivery:
        while not self._ready or self._stopped:
            if self._pulling.done():
                self._pulling.result()
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return _Delivery(self, self._ready.popleft())

    async def stop(self) -> None:
        """No more messages. What nobody saw goes back as if it had never been delivered."""
        self._stopped = True
        self.nudge()
        with suppress(Moved):
            await self._pulling
        unread = tuple(self._ready)
        self._ready.clear()
        await self._leases.give_back(unread, self._subscription.topic)

    async def settle(self, held: LeasedMessage, settlement: Settlement) -> None:
        """Settle one that was handed out; its slot is free afterwards, however this ends."""
        try:
            await self._leases.settle(held, self._subscription, settlement)
        finally:
            self._free += 1
            if self._more:
                self.nudge()

    async def _pull(self) -> None:
        while not self._stopped:
            self._nudged.clear()
            pause_s = await self._look(self._free) if self._free > 0 else None
            try:
                async with asyncio.timeout(pause_s):
                    await self._nudged.wait()
            except TimeoutError:
                continue  # time for the next look

    async def _look(self, free: int) -> float | None:
        """Take what there is. Returns how long to wait for the next look; None: until there is a free slot."""
        try:
            claim = await self._leases.take(self._subscription, free)
        except Moved:
            raise  # the file that this process has open is nobody's any more
        except Unavailable as error:
            extra = {"action": "claim_failed", "subscription": self._subscription.name, "cause": str(error)}
            logger.warning("the bus can't be read", extra=extra)
            return self._poll_interval_s
        self._hand_over(claim)
        self._more = len(claim.held) == free
        return None if self._more else self._until(claim)

    def _hand_over(self, claim: LeasedBatch) -> None:
        self._free -= len(claim.held)
        self._ready.extend(claim.held)
        if claim.held:
            self._arrived.set()

    def _until(self, claim: LeasedBatch) -> float:
        if claim.next_at_ms is None:
            return self._poll_interval_s
        return min(self._poll_interval_s, max(0.0, (claim.next_at_ms - now_ms()) / 1000))


class _Delivery:
    """One message in the hands of one handler."""

    def __init__(self, flow: SubscriptionStream, held: LeasedMessage) -> None:
        self._flow = flow
        self._held = held
        self._settled = False

    @property
    def message(self) -> Message:
        return self._held.message

    @property
    def attempt(self) -> int:
        return self._held.attempt

    @property
    def message_id(self) -> str:
        return self._held.id

    async def ack(self) -> None:
        await self._settle(bus_sql.ack)

    async def nack(self, *, delay_s: float = 0) -> None:
        delay_ms = int(min(max(delay_s, 0), _DELAY_AT_MOST_S) * 1000)
        await self._settle(partial(bus_sql.nack, delay_ms=delay_ms))

    async def dead_letter(self, cause: str) -> None:
        await self._settle(partial(bus_sql.dead_letter, cause=cause))

    async def _settle(self, settlement: Settlement) -> None:
        if not self._settled:
            self._settled = True
            await self._flow.settle(self._held, settlement)
