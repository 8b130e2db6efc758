"""The leases of one process, and the stream of messages of one subscriber within its limit.

Only leases that this process knows of are renewed. One that it lost track of (an answer that never came, a settlement
that failed) expires by itself, and its message is delivered again.
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
"""Settles one lease; returns the dead-letter topic if the message was given up."""
_DELAY_AT_MOST_S = 600


class Leases:
    """Claims and settlements of one process."""

    def __init__(self, database: Database, wake: Notifier, *, ack_deadline_s: float) -> None:
        self._database = database
        self._wake = wake
        self._lease_ms = int(ack_deadline_s * 1000)
        self._topics: dict[str, str] = {}
        """The topic of every unsettled lease."""

    async def take(self, subscription: Subscription, limit: int) -> LeasedBatch:
        """Lease up to `limit` visible messages."""
        batch = await self._database.write(
            partial(bus_sql.claim, name=subscription.name, limit=limit, lease_ms=self._lease_ms)
        )
        self._topics.update((held.lease, subscription.topic) for held in batch.held)
        self._report(batch.given_up_to, subscription)
        return batch

    async def settle(self, held: LeasedMessage, subscription: Subscription, settlement: Settlement) -> None:
        """Settle a message and stop renewing its lease, even if this fails. After `release` it does nothing."""
        if held.lease not in self._topics:
            return
        try:
            given_up_to = await self._database.write(lambda connection: settlement(connection, held.lease))
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


class SubscriptionStream:
    """An iterator of deliveries. Cancelling a `__anext__` loses no message."""

    def __init__(self, leases: Leases, subscription: Subscription, *, limit: int, poll_interval_s: float) -> None:
        self._leases = leases
        self._subscription = subscription
        self._free = limit
        self._poll_interval_s = poll_interval_s
        self._ready: deque[LeasedMessage] = deque()
        self._arrived = asyncio.Event()
        self._nudged = asyncio.Event()
        self._more = False
        """True if the last read may have left messages, because all slots were in use."""
        self._stopped = False
        self._pulling = asyncio.create_task(self._pull())
        self._pulling.add_done_callback(lambda _: self._arrived.set())

    def nudge(self) -> None:
        """Read the subscription again: it may have new messages."""
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
        """Stop the stream. Messages that no handler saw go back as if they had never been delivered."""
        self._stopped = True
        self.nudge()
        with suppress(Moved):
            await self._pulling
        unread = tuple(self._ready)
        self._ready.clear()
        await self._leases.give_back(unread, self._subscription.topic)

    async def settle(self, held: LeasedMessage, settlement: Settlement) -> None:
        """Settle a delivered message. Its slot is free afterwards, even if this fails."""
        try:
            await self._leases.settle(held, self._subscription, settlement)
        finally:
            self._free += 1
            if self._more:
                self.nudge()

    async def _pull(self) -> None:
        while not self._stopped:
            self._nudged.clear()
            pause_s = await self._lease_visible(self._free) if self._free > 0 else None
            try:
                async with asyncio.timeout(pause_s):
                    await self._nudged.wait()
            except TimeoutError:
                continue  # time for the next look

    async def _lease_visible(self, free: int) -> float | None:
        """Lease what is visible. Return how long to wait for the next read; None: until a slot is free."""
        try:
            batch = await self._leases.take(self._subscription, free)
        except Moved:
            raise  # no other process can open the file that this process has open
        except Unavailable as error:
            extra = {"action": "claim_failed", "subscription": self._subscription.name, "cause": str(error)}
            logger.warning("the bus can't be read", extra=extra)
            return self._poll_interval_s
        self._free -= len(batch.held)
        self._ready.extend(batch.held)
        if batch.held:
            self._arrived.set()
        self._more = len(batch.held) == free
        if self._more:
            return None
        if batch.next_at_ms is None:
            return self._poll_interval_s
        return min(self._poll_interval_s, max(0.0, (batch.next_at_ms - now_ms()) / 1000))


class _Delivery:
    """One message that one handler has leased."""

    def __init__(self, stream: SubscriptionStream, held: LeasedMessage) -> None:
        self._stream = stream
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
            await self._stream.settle(self._held, settlement)
