"""Hears how jobs end, on an ephemeral subscription of this process, for as long as the process lives."""

import asyncio
import logging
import random
import uuid
from collections.abc import Callable
from typing import Self

from publisher.desk import Desk
from schemas.errors import Unavailable
from schemas.message import claimed_job_id
from schemas.ports import COMPLETIONS, Subscription

logger = logging.getLogger(__name__)
_IN_FLIGHT = 256
_RETRY_FIRST_S = 0.5
_RETRY_AT_MOST_S = 30.0


class Completions:
    """Calls `heard` with each job that ended, and with None where some may have been missed.

    Entering waits for the first try. Whatever ends the subscription, it is opened again, later and later.
    """

    def __init__(self, desk: Desk, heard: Callable[[str | None], None]) -> None:
        self._desk = desk
        self._heard = heard
        self._tried = asyncio.Event()
        self._retry_s = _RETRY_FIRST_S
        self.listening = False
        """Whether completions come in; callers are answered by looks at the store alone while they don't."""

    async def __aenter__(self) -> Self:
        self._listener = asyncio.create_task(self._listen(), name="completions")
        await self._tried.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.cancel()
        await asyncio.wait({self._listener})

    async def _listen(self) -> None:
        while True:
            began = self._desk.clock.boot()
            try:
                await self._hear()
            except Unavailable as error:
                logger.warning(
                    "completions are out of reach", extra={"action": "completions_unsubscribed", "reason": str(error)}
                )
            except Exception:  # a bug, here or in the bus: the next subscription may do better
                logger.exception("completions broke", extra={"action": "completions_broke"})
            else:
                logger.warning("completions ended", extra={"action": "completions_unsubscribed"})
            self.listening = False
            self._tried.set()
            if self._desk.clock.boot() - began > _RETRY_AT_MOST_S:  # one that breaks at once is no fresh start
                self._retry_s = _RETRY_FIRST_S
            await self._desk.clock.sleep(self._retry_s * random.uniform(0.5, 1.0))
            self._retry_s = min(self._retry_s * 2, _RETRY_AT_MOST_S)

    async def _hear(self) -> None:
        name = f"facade-{uuid.uuid4().hex}"
        subscription = Subscription(name=name, topic=COMPLETIONS, ephemeral=True)
        async with self._desk.bus.subscribe(subscription, limit=_IN_FLIGHT) as deliveries:
            self.listening = True
            self._tried.set()
            self._heard(None)  # what was published before this subscription existed did not reach it
            async for delivery in deliveries:
                if job_id := claimed_job_id(delivery.message):
                    self._heard(job_id)
                await delivery.ack()
