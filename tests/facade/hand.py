"""Plays the worker by hand, one step at a time, so that a test decides when a job moves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

from publisher.context import PublisherContext
from schemas.domain.clip import Plan, PlannedClip
from schemas.domain.events import ClipDone, Failed, Stored, SubmitAccepted, SubmitStarted
from schemas.domain.job import Job, Result
from schemas.domain.projections import completion_of
from schemas.errors import Failure
from schemas.ports import COMPLETIONS, WORKERS, Delivery
from schemas.services.update import update_job
from schemas.wire.message import decode_command, encode_completion
from schemas.wire.request import VideoRequest

VIDEO = bytes(range(256)) * 40
POSTER = b"\xff\xd8\xff poster"
_NONCE = "nonce"


class Hand:
    """One worker whose every move is a call."""

    def __init__(self, desk: PublisherContext, deliveries: AsyncIterator[Delivery]) -> None:
        self._desk = desk
        self._deliveries = deliveries

    async def take(self) -> str:
        """The job of the next request on the bus."""
        delivery = await self.take_delivery()
        request = decode_command(delivery.message)
        assert isinstance(request, VideoRequest), request
        return request.job_id

    async def take_delivery(self) -> Delivery:
        """The next message on the bus, acknowledged."""
        delivery = await anext(self._deliveries)
        await delivery.ack()
        return delivery

    async def bury(self, cause: str) -> None:
        """Gives the next message on the bus up."""
        delivery = await anext(self._deliveries)
        await delivery.dead_letter(cause)

    async def start(self, job_id: str, *, price_usd: int = 0) -> Job:
        """→ submitting."""
        clip = PlannedClip(model="hand", seconds=5, billed_seconds=5, price_usd=Decimal(price_usd), expected_s=10)
        event = SubmitStarted(at=self._desk.clock.now(), plan=Plan(clips=(clip,)), owner="hand", nonce=_NONCE)
        return await update_job(self._desk.jobs, job_id, lambda _: event)

    async def accept(self, job_id: str) -> Job:
        """→ generating."""
        event = SubmitAccepted(at=self._desk.clock.now(), nonce=_NONCE, operation="operation")
        return await update_job(self._desk.jobs, job_id, lambda _: event)

    async def render(self, job_id: str) -> Job:
        """→ storing."""
        event = ClipDone(at=self._desk.clock.now(), clip=0, output=f"work/{job_id}/0/1/clip.mp4")
        return await update_job(self._desk.jobs, job_id, lambda _: event)

    async def store(self, job_id: str) -> Job:
        """→ succeeded, with a file; not announced yet."""
        job = await self._desk.jobs.get(job_id)
        assert job is not None
        await self._desk.videos.put(job.final_name, VIDEO, content_type="video/mp4")
        await self._desk.videos.put(job.poster_name, POSTER, content_type="image/jpeg")
        result = Result(
            gcs_path=job.final_name,
            poster_path=job.poster_name,
            width=1280,
            height=720,
            duration_seconds=job.request.duration_seconds,
            size_bytes=len(VIDEO),
        )
        event = Stored(at=self._desk.clock.now(), result=result)
        return await update_job(self._desk.jobs, job_id, lambda _: event)

    async def finish_quietly(self, job_id: str) -> Job:
        """All the way to succeeded, and the completion is lost."""
        await self.start(job_id)
        await self.accept(job_id)
        await self.render(job_id)
        return await self.store(job_id)

    async def finish(self, job_id: str) -> Job:
        """All the way to succeeded, announced."""
        return await self.announce(await self.finish_quietly(job_id))

    async def fail(self, job_id: str, failure: Failure) -> Job:
        """→ failed, announced."""
        event = Failed(at=self._desk.clock.now(), failure=failure)
        return await self.announce(await update_job(self._desk.jobs, job_id, lambda _: event))

    async def announce(self, job: Job) -> Job:
        """Publishes the completion of an ended job."""
        completion = completion_of(job, video_url=None)
        await self._desk.bus.publish(COMPLETIONS, encode_completion(completion, at=self._desk.clock.now()))
        return job


@asynccontextmanager
async def hand_at(desk: PublisherContext) -> AsyncIterator[Hand]:
    """A hand on the workers' subscription."""
    async with desk.bus.subscribe(WORKERS, limit=500) as deliveries:
        yield Hand(desk, deliveries)
