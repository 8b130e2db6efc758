"""Lets thousands of callers wait for the end of their jobs, with one subscription for all of them.

The subscription is ephemeral: it ends with the process. Completions make an answer quick; a regular read of each
waiting job makes it correct: a lost completion delays an answer, but never prevents it.
"""

import asyncio
import logging
import random
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Self, TypeAlias

from publisher.context import PublisherContext
from schemas.domain.job import Job
from schemas.errors import NotFound, ReelbusError, Unavailable
from schemas.former import former_names
from schemas.ports import COMPLETIONS, Subscription
from schemas.services.backoff import Backoff
from schemas.wire.message import job_id_of

logger = logging.getLogger(__name__)


_RETRY_AT_MOST_S = 30.0


class CompletionListener:
    """Calls `on_completion` with each job that ended, and with None if completions may have been missed.

    Entering waits for the first attempt. A subscription that ends is opened again, with backoff.
    """

    def __init__(self, ctx: PublisherContext, on_completion: Callable[[str | None], None]) -> None:
        self._ctx = ctx
        self._on_completion = on_completion
        self._tried = asyncio.Event()
        self._backoff = Backoff(first_s=0.5, most_s=_RETRY_AT_MOST_S)
        self.is_listening = False
        """True while completions are received; without them callers are answered by reads of the store alone."""

    async def __aenter__(self) -> Self:
        self._listener = asyncio.create_task(self._listen(), name="completions")
        await self._tried.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._listener.cancel()
        await asyncio.wait({self._listener})

    async def _listen(self) -> None:
        while True:
            began = self._ctx.clock.boot()
            try:
                await self._receive()
            except Unavailable as error:
                logger.warning(
                    "completions are out of reach", extra={"action": "completions_unsubscribed", "reason": str(error)}
                )
            except Exception:  # a bug, here or in the bus: the next subscription may do better
                logger.exception("completions broke", extra={"action": "completions_broke"})
            else:
                logger.warning("completions ended", extra={"action": "completions_unsubscribed"})
            self.is_listening = False
            self._tried.set()
            if self._ctx.clock.boot() - began > _RETRY_AT_MOST_S:  # one that breaks at once is no fresh start
                self._backoff.reset()
            await self._ctx.clock.sleep(self._backoff.next_s())

    async def _receive(self) -> None:
        name = f"facade-{uuid.uuid4().hex}"
        subscription = Subscription(name=name, topic=COMPLETIONS, ephemeral=True)
        async with self._ctx.bus.follow(subscription) as messages:
            self.is_listening = True
            self._tried.set()
            self._on_completion(None)  # what was published before this subscription existed did not reach it
            async for message in messages:
                if job_id := job_id_of(message):
                    self._on_completion(job_id)


Until: TypeAlias = Callable[[], Awaitable[None]]
"""Awaited during a wait: it raises to end the wait, or never returns."""


class Draining(ReelbusError):
    """The server is stopping; the job continues."""


class TooManyWaiters(Unavailable):
    """Too many callers are waiting; the job continues."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"{limit:,} callers are waiting, which is the limit; the job continues, ask for it later")


class Waiter:
    """One caller that waits for news of one job, until it leaves or the context ends."""

    __slots__ = ("_job_id", "_news_at", "_waiters", "_waiting")

    def __init__(self, waiters: "Waiters", job_id: str) -> None:
        self._waiters = waiters
        self._job_id = job_id
        self._news_at: float | None = None
        self._waiting: asyncio.Timeout | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Stop waiting. To be called once."""
        self._waiters.unregister(self._job_id, self)

    def notify(self, at: float) -> None:
        """End the wait. Never raises, not even in the turn of the loop in which the wait expires."""
        self._news_at = at
        if self._waiting and not self._waiting.expired():
            self._waiting.reschedule(0)
        self._waiting = None

    async def wait(self, timeout_s: float, until: Until = asyncio.Future) -> float | None:
        """Wait for news, for `timeout_s` at most. Raises `Draining`, and what `until` raises.

        Return when the newest news came, by the clock's `boot`; None if none came.

        `until` is awaited here, and in no task of its own: 10,000 callers wait at once.
        """
        if self._news_at is None and not self._waiters.draining:
            try:
                async with asyncio.timeout(timeout_s) as self._waiting:
                    await until()
            except TimeoutError:
                pass
            finally:
                self._waiting = None
        news_at, self._news_at = self._news_at, None
        if self._waiters.draining:
            raise Draining
        return news_at

    async def end(self, timeout_s: float, until: Until = asyncio.Future, *, look: bool = True) -> Job | None:
        """Return the job when it has ended; None after `timeout_s`. Raises like `wait`, and `NotFound`.

        Without `look` the caller has read the job since it registered, and the job had not ended.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        job = await self._waiters.reload(self._job_id) if look else None
        while job is None or not job.ended:
            remaining_s = deadline - loop.time()
            if remaining_s <= 0:
                return None
            job = None  # a record is large compared with all else that a waiting caller costs
            await self.wait(min(remaining_s, self._waiters.next_look_s()), until)
            job = await self._waiters.reload(self._job_id)
        return job


class Waiters:
    """The waiting callers of this process. Use it as an async context manager."""

    def __init__(self, ctx: PublisherContext, *, look_every_s: float = 30.0, max_waits: int = 10_000) -> None:
        self._ctx = ctx
        self._look_every_s = look_every_s
        self._max_waits = max_waits
        self._by_job: dict[str, set[Waiter]] = {}
        self.waiting = 0
        self._completions = CompletionListener(ctx, self._on_completion)
        self.draining = False

    async def __aenter__(self) -> Self:
        await self._completions.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._completions.__aexit__()

    @property
    def is_full(self) -> TooManyWaiters | None:
        """The error for the next caller that wants to wait; None if there is room."""
        return TooManyWaiters(self._max_waits) if self.waiting >= self._max_waits else None

    @property
    def is_listening(self) -> bool:
        """True while completions are received. Without them callers are answered later."""
        return self._completions.is_listening

    def drain(self) -> None:
        """End all waits, present and future, with `Draining`."""
        self.draining = True
        self._on_completion(None)

    async def until_ended(self, job_id: str, timeout_s: float, until: Until = asyncio.Future) -> Job | None:
        """Return the job when it has ended; None after `timeout_s`. Raises like `Waiter.end`, and `TooManyWaiters`."""
        # Register first, then read: an end in between is not missed.
        with self.register(job_id) as waiter:
            return await waiter.end(timeout_s, until)

    def register(self, job_id: str, *, stays: bool = True) -> Waiter:
        """Register a caller for news of this job. One that does not stay is always accepted.

        Raises `TooManyWaiters` if too many callers wait already.
        """
        if stays and (error := self.is_full):
            raise error
        waiter = Waiter(self, job_id)
        self._by_job.setdefault(job_id, set()).add(waiter)
        self.waiting += 1
        return waiter

    def unregister(self, job_id: str, waiter: Waiter) -> None:
        """Remove a waiter."""
        self.waiting -= 1
        self._by_job[job_id].discard(waiter)
        if not self._by_job[job_id]:
            del self._by_job[job_id]

    def next_look_s(self) -> float:
        """Return how long to rely on completions alone; random, so that reads are spread."""
        return self._look_every_s * random.uniform(0.7, 1.0)

    async def reload(self, job_id: str) -> Job | None:
        """Return the job; None if the store is out of reach. Raises `NotFound`."""
        try:
            job = await self._ctx.jobs.get(job_id)
        except Unavailable:
            logger.warning("job store is out of reach", extra={"action": "wait_no_look", "job_id": job_id})
            return None
        if job is None:
            raise NotFound(f"there is no job {job_id}")
        return job

    def _on_completion(self, job_id: str | None) -> None:
        every = self._by_job.values() if job_id is None else (self._by_job.get(job_id, ()),)
        now = self._ctx.clock.boot()
        for waiters in every:
            for waiter in waiters:
                waiter.notify(now)


if not TYPE_CHECKING:  # for the type checker only what is here exists
    __getattr__ = former_names(__name__)
