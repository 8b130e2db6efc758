"""What every bus needs to hand out messages: flow control, settling once, and leases that are renewed.

A bus whose service is asked for messages (SQLite here; a queue service or a stream elsewhere) implements `LeaseSource`.
`SubscriptionStream` then keeps the promises of `Bus.subscribe`: it leases no more messages than the limit, asks again
at each wake-up hint and at least once in each poll interval, and returns what no consumer received.

A bus whose client library pushes messages and limits them itself (Pub/Sub) uses `HandOff` alone.
"""

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from schemas.errors import Moved, Unavailable
from schemas.ports import Delivery
from schemas.wire.message import Message

logger = logging.getLogger(__name__)

MAX_DELAY_S = 600
"""The longest delay of a nack: https://cloud.google.com/pubsub/docs/lease-management"""

T = TypeVar("T")


class HandOff(Generic[T]):
    """Received messages that no consumer has taken yet. Cancelling `take` loses no message."""

    def __init__(self) -> None:
        self._ready: deque[T] = deque()
        self._changed = asyncio.Event()
        self._closed = False
        self._error: BaseException | None = None

    def put(self, items: Iterable[T]) -> None:
        """Offer messages to the consumer."""
        self._ready.extend(items)
        self._changed.set()

    async def take(self) -> T:
        """Return the next message. Raises `StopAsyncIteration` after `close`, and the error of `fail`."""
        while self._closed or not self._ready:
            if self._closed:
                raise StopAsyncIteration
            if self._error:
                raise self._error
            self._changed.clear()
            await self._changed.wait()
        return self._ready.popleft()

    def fail(self, error: BaseException) -> None:
        """Raise the error to the consumer after the messages that are ready."""
        self._error = error
        self._changed.set()

    def close(self) -> None:
        """Hand out no more. Messages that are ready, or still come, remain for `drain`."""
        self._closed = True
        self._changed.set()

    def drain(self) -> Sequence[T]:
        """Remove and return the messages that no consumer took."""
        unread = tuple(self._ready)
        self._ready.clear()
        return unread


class LeasedMessage(Protocol):
    """One message and the lease on it, in the form that its bus needs."""

    @property
    def id(self) -> str:
        """See `Delivery.message_id`."""

    @property
    def message(self) -> Message:
        """What was published."""

    @property
    def attempt(self) -> int:
        """1 for the first delivery."""


L = TypeVar("L", bound=LeasedMessage)


@dataclass(frozen=True, kw_only=True, slots=True)
class LeasedBatch(Generic[L]):
    """What one read of a subscription leased."""

    messages: Sequence[L] = ()
    next_in_s: float | None = None
    """In how many seconds the next message becomes visible; None if that is not known."""


class LeaseSource(Protocol[L]):
    """One subscription, as a bus package gives it to a `SubscriptionStream`."""

    async def lease(self, limit: int) -> LeasedBatch[L]:
        """Lease up to `limit` visible messages.

        Raises `Unavailable`: the stream then reads again after the poll interval. `Moved` ends the stream.
        """

    async def ack(self, held: L) -> None:
        """See `Delivery.ack`. A lease that expired meanwhile changes nothing, here and in the next three methods.

        If a settlement raises, the lease must not be renewed any more, so that the message is delivered again.
        """

    async def nack(self, held: L, *, delay_s: float) -> None:
        """See `Delivery.nack`."""

    async def dead_letter(self, held: L, *, cause: str) -> None:
        """See `Delivery.dead_letter`."""

    async def give_back(self, unread: Sequence[L]) -> None:
        """Return messages that no consumer received, as if they had never been delivered. Never raises."""


class SubscriptionStream(Generic[L]):
    """An iterator of deliveries within a limit. Cancelling a `__anext__` loses no message."""

    def __init__(self, source: LeaseSource[L], *, subscription: str, limit: int, poll_interval_s: float) -> None:
        """Start to lease. `subscription` is its name in the log."""
        self._source = source
        self._subscription = subscription
        self._free = limit
        self._poll_interval_s = poll_interval_s
        self._hand_off: HandOff[L] = HandOff()
        self._nudged = asyncio.Event()
        self._more = False
        """True if the last read may have left messages, because all slots were in use."""
        self._stopped = False
        self._pulling = asyncio.create_task(self._pull())
        self._pulling.add_done_callback(self._on_end)

    def nudge(self) -> None:
        """Read the subscription again: it may have new messages."""
        self._nudged.set()

    def __aiter__(self) -> "SubscriptionStream[L]":
        return self

    async def __anext__(self) -> Delivery:
        return _Delivery(self._source, await self._hand_off.take(), self)

    async def stop(self) -> None:
        """Stop the stream. Messages that no handler saw go back as if they had never been delivered."""
        self._stopped = True
        self._hand_off.close()
        self.nudge()
        with suppress(Moved):
            await self._pulling
        await self._source.give_back(self._hand_off.drain())

    async def settle(self, settlement: Awaitable[None]) -> None:
        """Settle a delivered message. Its slot is free afterwards, even if this fails."""
        try:
            await settlement
        finally:
            self._free += 1
            if self._more:
                self.nudge()

    async def _pull(self) -> None:
        while not self._stopped:
            self._nudged.clear()
            pause_s = await self._lease_visible() if self._free > 0 else None
            try:
                async with asyncio.timeout(pause_s):
                    await self._nudged.wait()
            except TimeoutError:
                continue  # time for the next read

    def _on_end(self, pulling: "asyncio.Task[None]") -> None:
        """Let the consumer learn that nothing comes any more."""
        error = None if pulling.cancelled() else pulling.exception()
        if error:
            self._hand_off.fail(error)
        else:
            self._hand_off.close()

    async def _lease_visible(self) -> float | None:
        """Lease what is visible. Return how long to wait for the next read; None: until a slot is free."""
        free = self._free
        try:
            batch = await self._source.lease(free)
        except Moved:
            raise  # no other process can open what this process has open
        except Unavailable as error:
            extra = {"action": "claim_failed", "subscription": self._subscription, "cause": str(error)}
            logger.warning("the bus can't be read", extra=extra)
            return self._poll_interval_s
        self._free -= len(batch.messages)
        self._hand_off.put(batch.messages)
        self._more = len(batch.messages) == free
        if self._more:
            return 0.0 if self._free else None  # a message may have been settled during the read
        return self._poll_interval_s if batch.next_in_s is None else min(self._poll_interval_s, batch.next_in_s)


class _Delivery(Generic[L]):
    """One leased message, settled at most once."""

    def __init__(self, source: LeaseSource[L], held: L, stream: SubscriptionStream[L]) -> None:
        self._source = source
        self._held = held
        self._stream = stream
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
        await self._settle(lambda: self._source.ack(self._held))

    async def nack(self, *, delay_s: float = 0) -> None:
        await self._settle(lambda: self._source.nack(self._held, delay_s=min(max(delay_s, 0), MAX_DELAY_S)))

    async def dead_letter(self, cause: str) -> None:
        await self._settle(lambda: self._source.dead_letter(self._held, cause=cause))

    async def _settle(self, settlement: Callable[[], Awaitable[None]]) -> None:
        if not self._settled:
            self._settled = True
            await self._stream.settle(settlement())


class LeaseRenewer:
    """Renews the leases of one process at an interval, until it is stopped.

    It runs in a thread of its own, so that a blocked event loop loses no lease.
    """

    def __init__(self, renew: Callable[[], None], *, every_s: float) -> None:
        self._renew = renew
        self._every_s = every_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease-renewer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Block until a renewal that has begun has finished."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        pause_s = self._every_s
        while not self._stopped.wait(pause_s):
            pause_s = self._every_s / 5  # after a failure
            try:
                self._renew()
                pause_s = self._every_s
            except Unavailable as error:
                extra = {"action": "lease_renewal_failed", "cause": str(error)}
                logger.warning("leases could not be renewed", extra=extra)
            except Exception:
                # Any error: a thread that ends would lose every lease silently.
                logger.exception("leases could not be renewed", extra={"action": "lease_renewal_failed"})
