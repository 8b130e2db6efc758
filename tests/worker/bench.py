"""A worker on a temporary folder, with everything that a test needs to see what it does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from infra.adapters import Adapters
from infra.clock import SystemClock
from schemas.domain.job import Job, new_job
from schemas.ports import BATCH_WORKERS, COMPLETIONS, DEAD_WORKERS, REQUESTS, WORKERS, Delivery, Subscription, topic_of
from schemas.services.update import get_job
from schemas.wire.completion import Completion
from schemas.wire.message import Message, decode_completion, encode_request
from schemas.wire.request import VideoRequest
from subscriber.context import WorkerContext
from subscriber.policy import Deadlines
from subscriber.rate_limit import SubmitRateLimiter
from subscriber.worker import Worker
from tests.worker.paid_model import PaidModel

WINDOWS = Deadlines(submit_within_s=5, submitting_hold_s=0.2, generation_s=0.3, storing_s=60)
LISTENER = Subscription(name="test-listener", topic=COMPLETIONS)


@dataclass
class Bench:
    """One workshop with a paid model, and an ear on the completions."""

    ctx: WorkerContext
    model: PaidModel
    completions: AsyncIterator[Delivery]

    async def send(self, **fields: Any) -> VideoRequest:
        """Publishes a request as a direct publisher does."""
        request = a_request(**fields)
        await self.ctx.bus.publish(topic_of(request), encode_request(request, at=self.ctx.clock.now()))
        return request

    async def send_raw(self, data: bytes, **attributes: str) -> None:
        await self.ctx.bus.publish(REQUESTS, Message(data=data, attributes=attributes))

    async def hear(self) -> Completion:
        """The next completion on the bus."""
        return decode_completion(await self.hear_message())

    async def hear_message(self) -> Message:
        """The message of the next completion on the bus."""
        async with asyncio.timeout(20):
            delivery = await anext(self.completions)
        await delivery.ack()
        return delivery.message

    async def job(self, job_id: str = "job-1") -> Job:
        return await get_job(self.ctx.jobs, job_id)

    async def queued(self, **fields: Any) -> Job:
        """A job in the store without a message."""
        return await self.ctx.jobs.create(new_job(a_request(**fields), self.ctx.clock.now()))

    @asynccontextmanager
    async def working(
        self, *, drain_s: float = 5, windows: Deadlines | None = None, **changes: Any
    ) -> AsyncIterator[asyncio.Event]:
        """A worker at work; the event stops it. `windows` is a former name of `deadlines`."""
        changes |= {"deadlines": windows} if windows else {}
        changes |= {"stopping": asyncio.Event()}  # another worker of this test may have stopped
        stop, ready = asyncio.Event(), asyncio.Event()
        worker = Worker(
            ctx=replace(self.ctx, **changes), in_flight=16, prefetch=2, drain_s=drain_s, reconcile_every_s=3600
        )
        running = asyncio.create_task(worker.run(stop, ready=ready.set))
        try:
            await asyncio.wait([running, asyncio.create_task(ready.wait())], return_when=asyncio.FIRST_COMPLETED)
            yield stop
        finally:
            stop.set()
            await running


def a_request(**fields: Any) -> VideoRequest:
    given = {"job_id": "job-1", "prompt": "A harbour at dawn, gulls", "duration_seconds": 1, **fields}
    return VideoRequest.model_validate(given)


@asynccontextmanager
async def bench_in(folder: Path, film: bytes) -> AsyncIterator[Bench]:
    """Opens the real embedded adapters in a folder."""
    scratch = folder / "scratch"
    scratch.mkdir(parents=True)
    async with Adapters() as adapters:
        videos = await adapters.videos(f"file://{folder}/videos", base_url="http://facade")
        model = PaidModel(videos, film)
        ctx = WorkerContext(
            bus=await adapters.bus(f"sqlite://{folder}/reelbus.db", ack_deadline_s=1),
            jobs=await adapters.jobs(f"sqlite://{folder}/reelbus.db"),
            videos=videos,
            model=model,
            editor=await adapters.editor(),
            clock=SystemClock(),
            owner="worker-under-test",
            scratch=scratch,
            rate_limiter=SubmitRateLimiter(SystemClock()),
            deadlines=WINDOWS,
            search_every_s=0.05,
        )
        for subscription in (WORKERS, BATCH_WORKERS, DEAD_WORKERS):
            await ctx.bus.ensure(subscription)
        async with ctx.bus.subscribe(LISTENER, limit=100) as completions:
            yield Bench(ctx, model, completions)
