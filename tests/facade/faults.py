"""Real ports with one fault each."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from schemas.domain.job import Job
from schemas.errors import Unavailable
from schemas.ports import (
    Bus,
    Clock,
    DeadLetter,
    Delivery,
    JobPage,
    JobQuery,
    JobStore,
    StoredFile,
    Subscription,
    VideoStore,
)
from schemas.wire.message import Message

T = TypeVar("T")


class _Bus:
    """A bus that does what the real one does."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    @property
    def sees_waiting(self) -> bool:
        return self._bus.sees_waiting

    async def list_waiting(self, subscription: Subscription) -> Sequence[Mapping[str, str]]:
        return await self._bus.list_waiting(subscription)

    @property
    def dead_letter_reads_are_exclusive(self) -> bool:
        return self._bus.dead_letter_reads_are_exclusive

    async def publish(self, topic: str, message: Message) -> None:
        await self._bus.publish(topic, message)

    async def ensure(self, subscription: Subscription) -> None:
        await self._bus.ensure(subscription)

    async def check(self, subscription: Subscription) -> Sequence[str]:
        return await self._bus.check(subscription)

    def subscribe(
        self, subscription: Subscription, *, limit: int
    ) -> AbstractAsyncContextManager[AsyncIterator[Delivery]]:
        return self._bus.subscribe(subscription, limit=limit)

    def follow(self, subscription: Subscription) -> AbstractAsyncContextManager[AsyncIterator[Message]]:
        return self._bus.follow(subscription)

    async def dead_letters(self, *, limit: int = 100, id: str | None = None) -> list[DeadLetter]:
        return await self._bus.dead_letters(limit=limit, id=id)

    async def replay_dead_letter(self, id: str) -> None:
        await self._bus.replay_dead_letter(id)

    async def delete_dead_letter(self, id: str) -> None:
        await self._bus.delete_dead_letter(id)


class UnreachableBus(_Bus):
    """It answers no question about itself."""

    async def check(self, subscription: Subscription) -> Sequence[str]:
        raise Unavailable("the bus is out of reach")


class DeafBus(_Bus):
    """It takes no message in."""

    async def publish(self, topic: str, message: Message) -> None:
        raise Unavailable("the bus is out of reach")


class FlakyBus(_Bus):
    """It refuses the first three subscriptions."""

    def __init__(self, bus: Bus) -> None:
        super().__init__(bus)
        self.refused = 0
        self.repaired = asyncio.Event()

    @asynccontextmanager
    async def follow(self, subscription: Subscription) -> AsyncIterator[AsyncIterator[Message]]:
        if self.refused < 3:
            self.refused += 1
            raise Unavailable
        async with self._bus.follow(subscription) as messages:
            self.repaired.set()
            yield messages


class BrokenBus(_Bus):
    """Its subscriptions end with an unexpected error, until it is `mended`."""

    mended = False

    def follow(self, subscription: Subscription) -> AbstractAsyncContextManager[AsyncIterator[Message]]:
        if self.mended:
            return self._bus.follow(subscription)
        raise ZeroDivisionError


class BreakingBus(_Bus):
    """The first subscription breaks in the middle, once it is told to."""

    def __init__(self, bus: Bus) -> None:
        super().__init__(bus)
        self.breaks = asyncio.Event()
        self.begun_again = asyncio.Event()
        self._subscriptions = 0

    @asynccontextmanager
    async def subscribe(self, subscription: Subscription, *, limit: int) -> AsyncIterator[AsyncIterator[Delivery]]:
        self._count()
        async with self._bus.subscribe(subscription, limit=limit) as deliveries:
            yield deliveries if self.begun_again.is_set() else self._until_it_breaks(deliveries)

    @asynccontextmanager
    async def follow(self, subscription: Subscription) -> AsyncIterator[AsyncIterator[Message]]:
        self._count()
        async with self._bus.follow(subscription) as messages:
            yield messages if self.begun_again.is_set() else self._until_it_breaks(messages)

    def _count(self) -> None:
        self._subscriptions += 1
        if self._subscriptions > 1:
            self.begun_again.set()

    async def _until_it_breaks(self, messages: AsyncIterator[T]) -> AsyncIterator[T]:
        await self.breaks.wait()
        if self.breaks.is_set():
            raise RuntimeError("this subscription is broken")
        yield await anext(messages)


class HastyClock:
    """A clock that does not wait."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now()

    def boot(self) -> float:
        return self._clock.boot()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class BlindJobs:
    """A job store that can't be read while it is `blind`."""

    def __init__(self, jobs: JobStore, *, blind: bool = False) -> None:
        self._jobs = jobs
        self.blind = blind

    async def create(self, job: Job) -> Job:
        return await self._jobs.create(job)

    async def create_all(self, jobs: Sequence[Job]) -> Sequence[Job]:
        return await self._jobs.create_all(jobs)

    async def get(self, job_id: str) -> Job | None:
        if self.blind:
            raise Unavailable("the job store can't be read")
        return await self._jobs.get(job_id)

    async def save(self, job: Job) -> Job:
        return await self._jobs.save(job)

    async def list(self, query: JobQuery) -> JobPage:
        return await self._jobs.list(query)

    async def ahead_of(self, job: Job) -> int | None:
        return None

    async def count_queued(self, key: str, *, at_most: int) -> int:
        return 0


class KeepsNothing(BlindJobs):
    """A job store that takes no change in."""

    async def save(self, job: Job) -> Job:
        raise Unavailable("the job store can't be written to")


class LosesTheAnswer(BlindJobs):
    """The record gets there; then nothing more is heard of the store."""

    async def create(self, job: Job) -> Job:
        await super().create(job)
        self.blind = True
        raise Unavailable("the job store's answer was lost")

    async def create_all(self, jobs: Sequence[Job]) -> Sequence[Job]:
        await super().create_all(jobs)
        self.blind = True
        raise Unavailable("the job store's answer was lost")


class Unaddressed:
    """A video store that can't tell where a file is to be had."""

    def __init__(self, videos: VideoStore) -> None:
        self._videos = videos

    @property
    def reads(self) -> frozenset[str]:
        return self._videos.reads

    async def put(self, name: str, source: Path | bytes, *, content_type: str) -> bool:
        return await self._videos.put(name, source, content_type=content_type)

    async def fetch(self, name: str, to: Path) -> None:
        await self._videos.fetch(name, to)

    async def list(self, prefix: str) -> Sequence[StoredFile]:
        return await self._videos.list(prefix)

    async def delete(self, name: str) -> None:
        await self._videos.delete(name)

    async def url_for(self, name: str) -> str:
        raise Unavailable("the video store is out of reach")


class UnreachableJobs:
    """A job store that answers nothing."""

    async def create(self, job: Job) -> Job:
        raise Unavailable("the job store is out of reach")

    async def create_all(self, jobs: Sequence[Job]) -> Sequence[Job]:
        raise Unavailable("the job store is out of reach")

    async def get(self, job_id: str) -> Job | None:
        raise Unavailable("the job store is out of reach")

    async def save(self, job: Job) -> Job:
        raise Unavailable("the job store is out of reach")

    async def list(self, query: JobQuery) -> JobPage:
        raise Unavailable("the job store is out of reach")

    async def ahead_of(self, job: Job) -> int | None:
        return None

    async def count_queued(self, key: str, *, at_most: int) -> int:
        return 0
