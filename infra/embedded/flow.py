"""The messages of one subscriber as they come: claims ahead, never more than it may hold."""

import asyncio
import logging
from collections import deque
from contextlib import suppress
from functools import partial

from infra.embedded import claims
from infra.embedded.claims import Claim, Held
from infra.embedded.connection import now_ms
from infra.embedded.leases import Leases, Settlement
from schemas.errors import Moved, Unavailable
from schemas.message import Message
from schemas.ports import Delivery, Subscription

log = logging.getLogger(__name__)
_DELAY_AT_MOST_S = 600


class Flow:
    """An iterator of deliveries. Giving up on a `__anext__` loses nothing."""

    def __init__(self, leases: Leases, subscription: Subscription, *, limit: int, poll_interval_s: float) -> None:
        self._leases = leases
        self._subscription = subscription
        self._free = limit
        self._poll_interval_s = poll_interval_s
        self._ready: deque[Held] = deque()
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

    def __aiter__(self) -> "Flow":
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

    async def settle(self, held: Held, settlement: Settlement) -> None:
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
            log.warning("the bus can't be read", extra=extra)
            return self._poll_interval_s
        self._hand_over(claim)
        self._more = len(claim.held) == free
        return None if self._more else self._until(claim)

    def _hand_over(self, claim: Claim) -> None:
        self._free -= len(claim.held)
        self._ready.extend(claim.held)
        if claim.held:
            self._arrived.set()

    def _until(self, claim: Claim) -> float:
        if claim.next_at_ms is None:
            return self._poll_interval_s
        return min(self._poll_interval_s, max(0.0, (claim.next_at_ms - now_ms()) / 1000))


class _Delivery:
    """One message in the hands of one handler."""

    def __init__(self, flow: Flow, held: Held) -> None:
        self._flow = flow
        self._held = held
        self._settled = False

    @property
    def message(self) -> Message:
        return self._held.message

    @property
    def attempt(self) -> int:
        return self._held.attempt

    async def ack(self) -> None:
        await self._settle(claims.ack)

    async def nack(self, *, delay_s: float = 0) -> None:
        delay_ms = int(min(max(delay_s, 0), _DELAY_AT_MOST_S) * 1000)
        await self._settle(partial(claims.nack, delay_ms=delay_ms))

    async def bury(self, cause: str) -> None:
        await self._settle(partial(claims.dead_letter, cause=cause))

    async def _settle(self, settlement: Settlement) -> None:
        if not self._settled:
            self._settled = True
            await self._flow.settle(self._held, settlement)
