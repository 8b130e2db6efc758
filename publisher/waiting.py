"""Lets thousands of callers wait for the end of their jobs, with one subscription for all of them.

Completions make it quick; a look at the store per waiting job makes it correct: a lost completion delays an answer,
but never hangs it.

Hears how jobs end, on an ephemeral subscription of this process, for as long as the process lives.
"""

import asyncio
import logging
import random
import uuid
from collections.abc import Awaitable, Callable
from typing import Self, TypeAlias

from publisher.context import PublisherContext
from schemas.domain.job import Job
from schemas.errors import NotFound, ReelbusError, Unavailable
from schemas.ports import COMPLETIONS, Subscription
from schemas.wire.message import claimed_job_id

logger = logging.getLogger(__name__)


_IN_FLIGHT = 256
_RETRY_FIRST_S = 0.5
_RETRY_AT_MOST_S = 30.0


class CompletionListener:
    """Calls `heard` with each job that ended, and with None where some may have been missed.

    Entering waits for the first try. Whatever ends the subscription, it is opened again, later and later.
    """

    def __init__(self, ctx: PublisherContext, heard: Callable[[str | None], None]) -> None:
        self._ctx = ctx
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
            began = self._ctx.clock.boot()
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
            if self._ctx.clock.boot() - began > _RETRY_AT_MOST_S:  # one that breaks at once is no fresh start
                self._retry_s = _RETRY_FIRST_S
            await self._ctx.clock.sleep(self._retry_s * random.uniform(0.5, 1.0))
            self._retry_s = min(self._retry_s * 2, _RETRY_AT_MOST_S)

    async def _hear(self) -> None:
        name = f"facade-{uuid.uuid4().hex}"
        subscription = Subscription(name=name, topic=COMPLETIONS, ephemeral=True)
        async with self._ctx.bus.subscribe(subscription, limit=_IN_FLIGHT) as deliveries:
            self.listening = True
            self._tried.set()
            self._heard(None)  # what was published before this subscription existed did not reach it
            async for delivery in deliveries:
                if job_id := claimed_job_id(delivery.message):
                    self._heard(job_id)
                await delivery.ack()


Meanwhile: TypeAlias = Callable[[], Awaitable[None]]
"""What else ends a wait: it raises, or never returns."""


class Draining(ReelbusError):
    """The server is going down; the job goes on."""


class TooManyWaiters(Unavailable):
    """Too many callers wait here already; the job goes on."""

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"{limit:,} callers wait here already, and that is the limit; the job goes on, ask for it later"
        )


class Waiter:
    """Where one caller waits for news of one job, until it leaves, or the context ends."""

    __slots__ = ("_has_news", "_job_id", "_waiters", "_waiting")

    def __init__(self, waiters: "Waiters", job_id: str) -> None:
        self._waiters = waiters
        self._job_id = job_id
        self._has_news = False
        self._waiting: asyncio.Timeout | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Nobody waits here any more. To be called once."""
        self._waiters.unregister(self._job_id, self)

    def notify(self) -> None:
        """There is news. Never raises, not even in the turn of the loop in which the wait expires."""
        self._has_news = True
        if self._waiting and not self._waiting.expired():
            self._waiting.reschedule(0)
        self._waiting = None

    async def wait(self, timeout_s: float, meanwhile: Meanwhile = asyncio.Future) -> None:
        """Until there is news, or the time is over. Raises `Draining`, and what `meanwhile` raises.

        What else the caller waits for goes on here, and in no task of its own: ten thousand wait at once.
        """
        if not (self._has_news or self._waiters.draining):
            try:
                async with asyncio.timeout(timeout_s) as self._waiting:
                    await meanwhile()
            except TimeoutError:
                pass
            finally:
                self._waiting = None
        self._has_news = False
        if self._waiters.draining:
            raise Draining

    async def end(self, timeout_s: float, meanwhile: Meanwhile = asyncio.Future, *, look: bool = True) -> Job | None:
        """The job once it has ended; None when the time is over. Raises like `wait`, and `NotFound`.

        Without `look` the job was seen since this place was taken, and had not ended.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        job = await self._waiters.reload(self._job_id) if look else None
        while job is None or not job.has_ended:
            left = deadline - loop.time()
            if left <= 0:
                return None
            job = None  # a record is large beside all else that a caller costs
            await self.wait(min(left, self._waiters.next_look_s()), meanwhile)
            job = await self._waiters.reload(self._job_id)
        return job


class Waiters:
    """Everybody who waits in this process. Use it as an async context manager."""

    def __init__(self, ctx: PublisherContext, *, look_every_s: float = 30.0, max_waits: int = 10_000) -> None:
        self._ctx = ctx
        self._look_every_s = look_every_s
        self._max_waits = max_waits
        self._places: dict[str, set[Waiter]] = {}
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
        """What to tell the next caller who wants to wait; None where there is room."""
        return TooManyWaiters(self._max_waits) if self.waiting >= self._max_waits else None

    @property
    def listening(self) -> bool:
        """Whether completions come in. Without them callers are answered all the same, and later."""
        return self._completions.listening

    def drain(self) -> None:
        """Sends everybody away, now and from now on: they get `Draining`."""
        self.draining = True
        self._on_completion(None)

    async def until_ended(self, job_id: str, timeout_s: float, meanwhile: Meanwhile = asyncio.Future) -> Job | None:
        """The job once it has ended; None when the time is over. Raises like `Place.end`, and `Crowded`."""
        # First the place, then the look: an end in between is heard.
        with self.register(job_id) as place:
            return await place.end(timeout_s, meanwhile)

    def register(self, job_id: str, *, stays: bool = True) -> Waiter:
        """A place to wait for news of this job, taken; for one who only passes by, there is always one.

        Raises `Crowded` where too many wait already.
        """
        if stays and (crowded := self.is_full):
            raise crowded
        place = Waiter(self, job_id)
        self._places.setdefault(job_id, set()).add(place)
        self.waiting += 1
        return place

    def unregister(self, job_id: str, place: Waiter) -> None:
        """Somebody has left a place."""
        self.waiting -= 1
        self._places[job_id].discard(place)
        if not self._places[job_id]:
            del self._places[job_id]

    def next_look_s(self) -> float:
        """How long to rely on completions alone; spread, so that a thousand don't look at once."""
        return self._look_every_s * random.uniform(0.7, 1.0)

    async def reload(self, job_id: str) -> Job | None:
        """The job; None where the store is out of reach just now. Raises `NotFound`."""
        try:
            job = await self._ctx.jobs.get(job_id)
        except Unavailable:
            logger.warning("job store is out of reach", extra={"action": "wait_no_look", "job_id": job_id})
            return None
        if job is None:
            raise NotFound(f"there is no job {job_id}")
        return job

    def _on_completion(self, job_id: str | None) -> None:
        every = self._places.values() if job_id is None else (self._places.get(job_id, ()),)
        for places in every:
            for place in places:
                place.notify()
