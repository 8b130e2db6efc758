"""Films on the embedded adapters of a temporary folder, and a worker whose model makes small videos at once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from infra.adapters import Adapters
from publisher.access import Access
from publisher.compose import open_context
from publisher.context import PublisherContext
from publisher.films.orders import find_film, order_film
from publisher.films.view import FilmView, view_film
from schemas.domain.clip import Plan, PlannedClip
from schemas.domain.events import ClipDone, Failed, Step, Stored, SubmitAccepted, SubmitStarted
from schemas.domain.film import Film
from schemas.domain.job import Job, Result
from schemas.domain.projections import completion_of
from schemas.domain.states import JobState
from schemas.errors import Category, Charged, Failure
from schemas.ports import COMPLETIONS, FILM_COMPLETIONS, FILM_WORKERS, WORKERS, JobQuery, Subscription
from schemas.services.update import get_job, update_job
from schemas.wire.film import FilmRequest
from schemas.wire.message import Message, decode_command, encode_completion
from schemas.wire.request import VideoRequest
from subscriber.films.director import Director
from subscriber.films.scenes import FilmContext
from tests.facade.doors import settings_for
from tests.unit.media_clips import Film as Clip

PRICE = Decimal("0.50")
ENDS = Subscription(name="film-ends", topic=FILM_COMPLETIONS)
WITHIN_S = 40
_FAILURE = Failure(category=Category.UPSTREAM, code="upstream", message="It broke.", charged=Charged.NO)


def scene(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "prompt": f"A quiet picture of {name}", **more}


def storyboard(*scenes: dict[str, Any], **more: Any) -> FilmRequest:
    fields = {"film_id": "ad", "defaults": {"duration_seconds": 1}, "scenes": scenes, **more}
    return FilmRequest.model_validate(fields)


def plan(request: VideoRequest) -> Plan:
    seconds = request.duration_seconds
    clip = PlannedClip(model="hand", seconds=seconds, billed_seconds=seconds, price_usd=PRICE, expected_s=10)
    return Plan(clips=(clip,))


@dataclass
class House:
    """The open ports of both sides, and what a test does with them."""

    desk: PublisherContext
    ctx: FilmContext
    folder: Path
    fails: set[str] = field(default_factory=set)
    """The words of prompts whose job fails."""
    paid: list[str] = field(default_factory=list)
    """Each submit of the model, by its job."""

    async def order(self, request: FilmRequest) -> Film:
        return await order_film(self.desk, request, Access())

    async def view(self, film_id: str = "ad") -> FilmView:
        return await view_film(self.desk, await find_film(self.desk, film_id, Access()), Access())

    async def jobs(self) -> list[Job]:
        return list((await self.desk.jobs.list(JobQuery(limit=100))).jobs)

    async def until(self, holds: Callable[[FilmView], bool], film_id: str = "ad") -> FilmView:
        async with asyncio.timeout(WITHIN_S):
            while True:
                view = await self.view(film_id)
                if holds(view):
                    return view
                await asyncio.sleep(0.02)

    async def until_announced(self, film_id: str = "ad") -> Film:
        async with asyncio.timeout(WITHIN_S):
            while True:
                film = await self.ctx.films.get(film_id)
                if film and film.state.ended and not film.announce_due:
                    return film
                await asyncio.sleep(0.02)

    async def ends(self) -> list[Message]:
        """The messages of films that ended, so far."""
        found = await self.desk.bus.list_waiting(ENDS)
        return [Message(data=b"", attributes=attributes) for attributes in found]

    def write_clip(self, file: Path, seconds: int) -> None:
        """Make the video of a scene."""
        Clip(seconds=seconds).write(file)

    @asynccontextmanager
    async def directing(self) -> AsyncIterator[Director]:
        director = Director(self.ctx, look_every_s=0.1)
        task = asyncio.create_task(director.run())
        try:
            yield director
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @asynccontextmanager
    async def rendering(self) -> AsyncIterator[None]:
        """A worker that makes each video at once."""
        task = asyncio.create_task(self._render_for_ever())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _render_for_ever(self) -> None:
        async with self.desk.bus.subscribe(WORKERS, limit=8) as deliveries:
            async for delivery in deliveries:
                command = decode_command(delivery.message)
                if isinstance(command, VideoRequest):
                    await self.render(command.job_id)
                await delivery.ack()

    async def render(self, job_id: str) -> None:
        """Take a queued job to its end, and announce it. Another one stays as it is."""
        job = await get_job(self.desk.jobs, job_id)
        if job.state is not JobState.QUEUED:
            return
        at = self.desk.clock.now()
        if any(word in job.request.prompt for word in self.fails):
            await self._announce(await self._step(job_id, Failed(at=at, failure=_FAILURE)))
            return
        self.paid.append(job_id)
        await self._step(job_id, SubmitStarted(at=at, plan=plan(job.request), owner="hand", nonce="n"))
        await self._step(job_id, SubmitAccepted(at=at, nonce="n", operation="operation"))
        await self._step(job_id, ClipDone(at=at, clip=0, output=f"work/{job_id}/0/1/clip.mp4"))
        await self._announce(await self._step(job_id, await self._store(job)))

    async def _announce(self, ended: Job) -> None:
        message = encode_completion(completion_of(ended, video_url=None), at=self.desk.clock.now(), caller=ended.caller)
        await self.desk.bus.publish(COMPLETIONS, message)

    async def _step(self, job_id: str, event: Step) -> Job:
        return await update_job(self.desk.jobs, job_id, lambda _: event)

    async def _store(self, job: Job) -> Stored:
        file = self.folder / f"{job.job_id}.mp4"
        await asyncio.to_thread(self.write_clip, file, job.request.duration_seconds)
        await self.desk.videos.put(job.final_name, file, content_type="video/mp4")
        result = Result(
            gcs_path=job.final_name,
            width=64,
            height=48,
            duration_seconds=job.request.duration_seconds,
            size_bytes=file.stat().st_size,
        )
        return Stored(at=self.desk.clock.now(), result=result)


@asynccontextmanager
async def house_in(folder: Path, **settings: Any) -> AsyncIterator[House]:
    """Open a house whose model costs `PRICE` for each scene."""
    scratch = folder / "scratch-of-films"
    scratch.mkdir(exist_ok=True)
    async with Adapters() as adapters, open_context(settings_for(folder, **settings)) as opened:
        films = opened.films
        assert films
        desk = replace(opened, planner=plan)
        ctx = FilmContext(
            bus=desk.bus,
            jobs=desk.jobs,
            videos=desk.videos,
            films=films,
            film_editor=await adapters.film_editor(),
            film_exporter=await adapters.film_exporter(),
            clock=desk.clock,
            scratch=scratch,
        )
        for subscription in (WORKERS, FILM_WORKERS, ENDS):
            await desk.bus.ensure(subscription)
        yield House(desk, ctx, folder)
