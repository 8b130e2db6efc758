"""A courier on the embedded adapters of a temporary folder, and jobs that have ended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from infra.adapters import Adapters
from infra.clock import SystemClock
from infra.webhooks.poster import HttpPoster
from schemas.domain.delivery import WebhookDelivery
from schemas.domain.job import Job, new_job
from schemas.domain.projections import completion_of
from schemas.domain.states import JobState
from schemas.errors import Category, Charged, Failure
from schemas.ports import COMPLETIONS, WEBHOOKS, DeliveryQuery, Poster
from schemas.wire.message import encode_completion
from schemas.wire.request import VideoRequest
from schemas.wire.webhook_address import parse_policy
from subscriber.courier.courier import Courier, CourierContext

SECRET = bytes(range(32))
FAILURE = Failure(category=Category.UPSTREAM, code="upstream", message="It broke.", charged=Charged.NO)


@dataclass
class SetClock(SystemClock):
    """A clock that a test sets."""

    at: datetime = datetime(2026, 1, 1, 12, tzinfo=UTC)
    started: datetime = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def boot(self) -> float:
        return (self.at - self.started).total_seconds()


@dataclass
class House:
    """The open ports, and what a test does with them."""

    ctx: CourierContext
    jobs: dict[str, Job] = field(default_factory=dict)

    async def end(self, job_id: str, url: str | None, *, events: list[str] | None = None, **given: Any) -> None:
        """Store a failed job, and publish its completion as a worker does."""
        webhook = {"webhook": {"url": url, **({"events": events} if events else {})}} if url else {}
        request = VideoRequest.model_validate({"job_id": job_id, "prompt": "a slow pan over a desk", **webhook})
        job = new_job(request, self.ctx.clock.now(), **given)
        ended = job.model_copy(update={"state": JobState.FAILED, "failure": FAILURE})
        self.jobs[job_id] = await self.ctx.jobs.create(ended)
        await self.announce(job_id)

    async def announce(self, job_id: str) -> None:
        """Publish the completion, perhaps again."""
        job = self.jobs[job_id]
        message = encode_completion(completion_of(job, video_url=None), at=self.ctx.clock.now(), caller=job.caller)
        await self.ctx.bus.publish(COMPLETIONS, message)

    async def deliveries(self) -> list[WebhookDelivery]:
        return list((await self.ctx.deliveries.list(DeliveryQuery(limit=1000))).deliveries)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Courier]:
        """A courier at work."""
        courier = Courier(self.ctx)
        task = asyncio.create_task(courier.run())
        try:
            yield courier
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def post_next(self, courier: Courier) -> timedelta:
        """Go to the moment at which the next attempt is due, post it, and return how long that was."""
        clock, due = self.ctx.clock, await self.ctx.deliveries.next_due()
        assert isinstance(clock, SetClock)
        assert due is not None
        waited, clock.at = due - clock.at, max(clock.at, due)
        assert await courier.begin_due()
        await courier.join()
        return waited


@asynccontextmanager
async def house_in(
    folder: Path, *, clock: SystemClock | None = None, poster: Poster | None = None
) -> AsyncIterator[House]:
    """Open a house whose courier may post to this machine."""
    url = f"sqlite://{folder}/reelbus.db"
    own = HttpPoster(parse_policy("127.0.0.0/8", "443"))
    async with Adapters() as adapters:
        ctx = CourierContext(
            bus=await adapters.bus(url, ack_deadline_s=1),
            jobs=await adapters.jobs(url),
            deliveries=await adapters.deliveries(url),
            poster=poster or own,
            clock=clock or SystemClock(),
            secrets_of=lambda _: [SECRET],
            facade_url="https://video.example.com",
            chance=lambda: 0.5,
        )
        await ctx.bus.ensure(WEBHOOKS)
        yield House(ctx)
    await own.aclose()
