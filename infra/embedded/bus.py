"""The bus on one SQLite file: durable, at-least-once, for any number of processes on one machine.

What has to happen for as long as the process lives. A thread, so that a held-up event loop loses no lease.
"""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from sqlite3 import Connection

from infra.embedded import bus_sql
from infra.embedded import bus_sql as dead_letters
from infra.embedded import bus_sql as topics
from infra.embedded.database import Database
from infra.embedded.notify import Notifier
from infra.embedded.subscription import Leases, SubscriptionStream
from schemas.errors import Unavailable
from schemas.ports import DeadLetter, Delivery, Subscription
from schemas.wire.message import Message

logger = logging.getLogger(__name__)


class LeaseRenewer:
    """Runs one write operation again and again until stopped."""

    def __init__(self, database: Database, beat: Callable[[Connection], None], *, every_s: float) -> None:
        self._database = database
        self._beat = beat
        self._every_s = every_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bus-heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Blocks until a beat that has begun is over."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        pause_s = self._every_s
        while not self._over.wait(pause_s):
            pause_s = self._every_s if self._try() else self._every_s / 5

    def _try(self) -> bool:
        try:
            self._database.write_blocking(self._beat)
        except Unavailable as error:
            extra = {"action": "lease_renewal_failed", "cause": str(error)}
            logger.warning("leases could not be renewed", extra=extra)
            return False
        except Exception:
            # Whatever it was: a heartbeat that ends would lose every lease without a word.
            logger.exception("leases could not be renewed", extra={"action": "lease_renewal_failed"})
            return False
        return True


ACK_DEADLINE_S = 15.0
POLL_INTERVAL_S = 1.0
_BEATS_PER_DEADLINE = 3
_EPHEMERAL_FOR_DEADLINES = 4
"""An ephemeral subscription outlives a process that missed its beats for so long, and no longer."""


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
        self._flows: set[SubscriptionStream] = set()
        self._heartbeat = LeaseRenewer(database, self._renew, every_s=ack_deadline_s / _BEATS_PER_DEADLINE)
        self._heartbeat.start()

    @property
    def dead_letter_reads_are_exclusive(self) -> bool:
        return False

    @property
    def sees_waiting(self) -> bool:
        return True

    async def waiting(self, subscription: Subscription) -> Sequence[Mapping[str, str]]:
        return await self._database.read(partial(bus_sql.waiting, name=subscription.name))

    async def publish(self, topic: str, message: Message) -> None:
        await self._database.write(partial(topics.publish, topic=topic, message=message))
        self._wake.notify(topic)

    async def ensure(self, subscription: Subscription) -> None:
        if subscription.ephemeral:
            await self._sweep()  # a dead namesake's messages are not for us
        await self._database.write(
            partial(topics.ensure, subscriptions=(subscription,), ephemeral_for_ms=self._ephemeral_for_ms)
        )
        if subscription.ephemeral:
            self._own[subscription.name] = subscription

    @asynccontextmanager
    async def subscribe(self, subscription: Subscription, *, limit: int) -> AsyncIterator[AsyncIterator[Delivery]]:
        await self.ensure(subscription)
        flow = SubscriptionStream(self._leases, subscription, limit=limit, poll_interval_s=self._poll_interval_s)
        self._flows.add(flow)
        try:
            with self._wake.listen(subscription.topic, flow.nudge):
                yield flow
        finally:
            self._flows.discard(flow)
            await flow.stop()
            if subscription.ephemeral:
                await self._forget(subscription.name)

    async def dead_letters(self, *, limit: int = 100, id: str | None = None) -> list[DeadLetter]:
        if id is None:
            return await self._database.read(partial(dead_letters.newest, limit=limit))
        found = await self._database.read(partial(dead_letters.find, id=id))
        return [found] if found else []

    async def replay_dead_letter(self, id: str) -> None:
        self._wake.notify(await self._database.write(partial(dead_letters.replay, id=id)))

    async def delete_dead_letter(self, id: str) -> None:
        await self._database.write(partial(dead_letters.take, id=id))

    async def close(self) -> None:
        """Stop every flow; whatever is still held goes to whoever comes next, and the ephemeral subscriptions end."""
        for flow in tuple(self._flows):
            await flow.stop()
        await asyncio.to_thread(self._heartbeat.stop)
        await self._leases.release()
        for name in tuple(self._own):
            await self._forget(name)
        self._wake.flush()

    async def _forget(self, name: str) -> None:
        if not self._own.pop(name, None):
            return
        try:
            await self._database.write(partial(topics.drop, name=name))
            await self._sweep()
        except Unavailable as error:  # it expires, and some process's beat sweeps it
            extra = {"action": "subscription_drop_failed", "subscription": name, "cause": str(error)}
            logger.warning("an ephemeral subscription could not be dropped", extra=extra)

    async def _sweep(self) -> None:
        while await self._database.write(topics.sweep):
            pass  # bounded steps, so that nobody waits long for the file

    def _renew(self, connection: Connection) -> None:
        self._leases.renew(connection)
        topics.ensure(connection, tuple(self._own.values()), self._ephemeral_for_ms)
        topics.sweep(connection)
