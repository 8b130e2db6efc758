"""The bus on one SQLite file: durable, at-least-once, for any number of processes on one machine."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from sqlite3 import Connection

from infra.embedded import bus_sql
from infra.embedded.bus_sql import LeasedMessage
from infra.embedded.database import Database
from infra.embedded.follower import Follower
from infra.embedded.notify import Notifier
from infra.embedded.subscription import Leases
from infra.subscription_stream import LeaseRenewer, SubscriptionStream
from schemas.errors import Unavailable
from schemas.ports import DeadLetter, Delivery, Subscription
from schemas.wire.message import Message

logger = logging.getLogger(__name__)

ACK_DEADLINE_S = 15.0
POLL_INTERVAL_S = 1.0
_RENEWALS_PER_DEADLINE = 3
_EPHEMERAL_FOR_DEADLINES = 4
"""An ephemeral subscription expires this many ack deadlines after the last renewal of its process."""


class SqliteBus:
    """`Bus` of one process. Close it before its database."""

    def __init__(
        self, database: Database, *, ack_deadline_s: float = ACK_DEADLINE_S, poll_interval_s: float = POLL_INTERVAL_S
    ) -> None:
        self._database = database
        self._wake = Notifier(database.path.parent / "wake")
        self._leases = Leases(database, self._wake, ack_deadline_s=ack_deadline_s)
        self._poll_interval_s = poll_interval_s
        self._ephemeral_for_ms = int(ack_deadline_s * _EPHEMERAL_FOR_DEADLINES * 1000)
        self._own: dict[str, Subscription] = {}
        self._streams: set[SubscriptionStream[LeasedMessage]] = set()
        self._followers: set[Follower] = set()
        self._renewer = LeaseRenewer(
            partial(database.write_blocking, self._renew, flush=False), every_s=ack_deadline_s / _RENEWALS_PER_DEADLINE
        )
        self._renewer.start()

    @property
    def dead_letter_reads_are_exclusive(self) -> bool:
        return False

    @property
    def sees_waiting(self) -> bool:
        return True

    async def list_waiting(self, subscription: Subscription) -> Sequence[Mapping[str, str]]:
        return await self._database.read(partial(bus_sql.list_waiting, name=subscription.name))

    async def publish(self, topic: str, message: Message) -> None:
        await self._database.write(partial(bus_sql.publish, topic=topic, message=message))
        self._wake.notify(topic)

    async def ensure(self, subscription: Subscription) -> None:
        if subscription.ephemeral:
            await self._sweep()  # else messages of an expired subscription of this name would come
        await self._database.write(
            partial(bus_sql.ensure, subscriptions=(subscription,), ephemeral_for_ms=self._ephemeral_for_ms)
        )
        if subscription.ephemeral:
            self._own[subscription.name] = subscription

    async def check(self, subscription: Subscription) -> Sequence[str]:
        """Create the subscription if it does not exist: the embedded bus has no operator who could."""
        if subscription.ephemeral or not await self._database.read(partial(bus_sql.has, subscription=subscription)):
            await self.ensure(subscription)
        return ()

    @asynccontextmanager
    async def subscribe(self, subscription: Subscription, *, limit: int) -> AsyncIterator[AsyncIterator[Delivery]]:
        await self.ensure(subscription)
        stream = SubscriptionStream(
            self._leases.of(subscription),
            subscription=subscription.name,
            limit=limit,
            poll_interval_s=self._poll_interval_s,
        )
        self._streams.add(stream)
        try:
            with self._wake.listen(subscription.topic, stream.nudge):
                yield stream
        finally:
            self._streams.discard(stream)
            await stream.stop()
            if subscription.ephemeral:
                await self._forget(subscription.name)

    @asynccontextmanager
    async def follow(self, subscription: Subscription) -> AsyncIterator[AsyncIterator[Message]]:
        await self.ensure(subscription)
        follower = Follower(self._database, subscription.name, poll_interval_s=self._poll_interval_s)
        self._followers.add(follower)
        try:
            with self._wake.listen(subscription.topic, follower.nudge):
                yield follower
        finally:
            self._followers.discard(follower)
            await self._forget(subscription.name)

    async def dead_letters(self, *, limit: int = 100, id: str | None = None) -> list[DeadLetter]:
        if id is None:
            return await self._database.read(partial(bus_sql.newest, limit=limit))
        found = await self._database.read(partial(bus_sql.find, id=id))
        return [found] if found else []

    async def replay_dead_letter(self, id: str) -> None:
        self._wake.notify(await self._database.write(partial(bus_sql.replay, id=id)))

    async def delete_dead_letter(self, id: str) -> None:
        await self._database.write(partial(bus_sql.take, id=id))

    async def aclose(self) -> None:
        """Stop every stream, return all leases to the bus, and drop the ephemeral subscriptions."""
        for stream in tuple(self._streams):
            await stream.stop()
        await asyncio.to_thread(self._renewer.stop)
        await self._leases.release()
        for name in tuple(self._own):
            await self._forget(name)
        self._wake.flush()

    async def _forget(self, name: str) -> None:
        if not self._own.pop(name, None):
            return
        try:
            await self._database.write(partial(bus_sql.drop, name=name))
            await self._sweep()
        except Unavailable as error:  # it expires, and the renewal of any process sweeps it
            extra = {"action": "subscription_drop_failed", "subscription": name, "cause": str(error)}
            logger.warning("an ephemeral subscription could not be dropped", extra=extra)

    async def _sweep(self) -> None:
        while await self._database.write(bus_sql.sweep):
            pass  # bounded steps, so that no process waits long for the file

    def _renew(self, connection: Connection) -> None:
        self._leases.renew(connection)
        bus_sql.ensure(connection, tuple(self._own.values()), self._ephemeral_for_ms)
        for follower in tuple(self._followers):
            follower.delete_read(connection)
        bus_sql.sweep(connection)
