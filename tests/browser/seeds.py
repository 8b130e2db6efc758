"""Jobs in states that are hard to reach by hand, written into the stores of a house as a worker would write them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from secrets import token_hex
from typing import Any

from publisher.compose import open_context
from publisher.context import PublisherContext
from publisher.settings import PublisherSettings
from publisher.submit import submit
from schemas.domain import events as ev
from schemas.domain.clip import Plan, PlannedClip
from schemas.domain.job import Job
from schemas.errors import Category, Charged, Failure
from schemas.ports import REQUESTS
from schemas.services.update import update_job
from schemas.wire.message import Message
from schemas.wire.request import VideoRequest

HOSTILE = """<script>window.broken = 1</script><img src=x onerror="window.broken=1">'"}}{{7*7}}<hx-partial id="main">"""
PRICE = Decimal("0.40")


@dataclass(frozen=True)
class Seeds:
    """Writes into the stores of one house."""

    ctx: PublisherContext

    async def ask(
        self, prompt: str = "A lighthouse in a storm at night", *, caller: str | None = None, **fields: Any
    ) -> Job:
        """→ queued."""
        request = VideoRequest.model_validate({"job_id": f"seed-{token_hex(5)}", "prompt": prompt, **fields})
        return await submit(self.ctx, request, caller=caller)

    async def start(self, job: Job, *prices: Decimal) -> Job:
        """→ submitting, with a clip for each price."""
        clips = [
            PlannedClip(model="veo-3.1-fast-generate-001", seconds=4, billed_seconds=4, price_usd=price, expected_s=40)
            for price in prices or (PRICE,)
        ]
        plan = Plan(clips=tuple(clips))
        return await self._step(job, ev.SubmitStarted(at=self.now, plan=plan, owner="worker-1", nonce="n1"))

    async def accept(self, job: Job) -> Job:
        """→ generating."""
        return await self._step(job, ev.SubmitAccepted(at=self.now, nonce="n1", operation="projects/acme/operations/1"))

    async def doubt(self, job: Job) -> Job:
        """The clip's submit has an unknown outcome, and the job has failed over it."""
        job = await self._step(job, ev.SubmitOutcomeUnknown(at=self.now, nonce="n1"))
        failure = Failure(
            category=Category.UPSTREAM,
            code="submit_unknown",
            message=f"It is unknown: {HOSTILE}",
            charged=Charged.UNKNOWN,
        )
        return await self._step(job, ev.SubmitGivenUp(at=self.now, failure=failure))

    async def fail(self, job: Job, message: str = "It broke.") -> Job:
        """→ failed."""
        failure = Failure(category=Category.INTERNAL, code="broke", message=message, charged=Charged.NO)
        return await self._step(job, ev.Failed(at=self.now, failure=failure))

    async def bury(self, data: bytes) -> str:
        """A message that no worker can read: the id of its dead letter, once a worker has given it up."""
        await self.ctx.bus.publish(REQUESTS, Message(data=data, attributes={"ce-type": "reelbus.video.requested.v1"}))
        async with asyncio.timeout(30):
            while not (letters := await self.ctx.bus.dead_letters()):  # noqa: ASYNC110  # another process writes it
                await asyncio.sleep(0.1)
        return letters[0].id

    async def job(self, job_id: str) -> Job:
        """The record as it is now."""
        job = await self.ctx.jobs.get(job_id)
        assert job is not None, job_id
        return job

    @property
    def now(self) -> datetime:
        """The moment, by the clock of the context."""
        return self.ctx.clock.now()

    async def _step(self, job: Job, event: ev.Step) -> Job:
        return await update_job(self.ctx.jobs, job.job_id, lambda _: event)


@asynccontextmanager
async def seeding(folder: Path, **settings: Any) -> AsyncIterator[Seeds]:
    """The stores of a house on this folder, opened in this process too."""
    async with open_context(PublisherSettings(_env_file=None, data_dir=folder, **settings)) as ctx:
        yield Seeds(ctx)
