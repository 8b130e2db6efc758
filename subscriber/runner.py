"""Carries one job from wherever its record stands to its end: read, decide, do, and again."""

import asyncio
import logging
import random
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar, assert_never

from schemas.domain import events as ev
from schemas.domain.clip import Clip
from schemas.domain.events import Step
from schemas.domain.job import Job
from schemas.domain.states import ClipState, JobState
from schemas.errors import Category, Charged, Conflict, Failure, LocalDisk, NewerRecord, OtherModel, Unavailable
from schemas.services.update import get_job, save_event
from subscriber import assembly, generation, policy
from subscriber.context import Backoff, WorkerContext
from subscriber.submission import give_up_submit, submit_next

logger = logging.getLogger(__name__)
T = TypeVar("T")


_WAITED_TOO_LONG = Failure(
    category=Category.QUOTA,
    code="not_submitted_in_time",
    message="The next clip could not be submitted in time; the clips before it are kept, and `reelbus replay` goes on.",
    retryable=True,
    charged=Charged.NO,
)


_Write = policy.SubmitAgain | policy.Expire | policy.GiveUpWaiting
"""What needs nothing but to be written down."""


def _event_of(action: _Write, at: datetime) -> Step:
    match action:
        case policy.SubmitAgain(clip=clip):
            return ev.Resubmit(at=at, clip=clip.index)
        case policy.Expire():
            return ev.Expired(at=at)
        case policy.GiveUpWaiting():
            return ev.Failed(at=at, failure=_WAITED_TOO_LONG)
        case _:
            assert_never(action)


@dataclass(slots=True)
class JobRunner:
    """One job in the hands of this worker. `nudge` makes it read the record at once, after a cancel for example."""

    ctx: WorkerContext
    job: Job
    seen_at_boot: float = 0.0
    stale: bool = False
    nudged: asyncio.Event = field(default_factory=asyncio.Event)
    droppable: asyncio.Timeout | None = None
    backoff: Backoff = field(default_factory=Backoff)
    watched_phase: tuple[object, ...] = ()
    watched_since: float = 0.0
    watched_whole: bool = False

    def __post_init__(self) -> None:
        """From here on the store's time goes on, also while the job waits for a slot."""
        self.watched_phase = _phase_of(self.job)
        self._set_job(self.job)

    def wake(self) -> None:
        """Whatever can be dropped is dropped: a pause, or a question that costs nothing."""
        self.nudged.set()
        if self.droppable and not self.droppable.expired():
            self.droppable.reschedule(0)

    async def run(self) -> Job:
        """The ended job. While a dependency is out of reach it waits for better times. Raises `NewerRecord` where a
        newer worker wrote what this one can't read, and `OtherModel` where another provider's worker has to go on."""
        self.watched_since = self.ctx.clock.boot()
        if not self.job.ended:
            logger.info("took a job on", extra={**self._about("job_taken"), **_request_details(self.job)})
        while not self.job.ended:
            try:
                await (self._reload() if self.stale else self._step())
            except Conflict:
                self.stale = True
            except (NewerRecord, OtherModel):
                raise
            except Unavailable as error:
                logger.warning(
                    "a dependency is out of reach", extra={**self._about("unavailable"), "reason": str(error)}
                )
                if isinstance(error, LocalDisk):
                    await self._tell_that_it_waits()
                await self._wait(max(error.retry_after_s, self.backoff.next_s()))
                self.stale = True
        await self._discard_unwanted()
        return self.job

    async def _tell_that_it_waits(self) -> None:
        """For a local disk that has room. If the record lies on that disk, the log has to do."""
        if self.job.state in (JobState.GENERATING, JobState.STORING):
            with suppress(Conflict, Unavailable):
                event = ev.Waits(at=self.ctx.clock.now(), waiting_for="local_disk")
                self._set_job(await save_event(self.ctx.jobs, self.job, event))

    async def _step(self) -> None:
        action = policy.decide(self.job, self._store_time(), self.ctx.deadlines, self._watch())
        match action:
            case policy.Hold(seconds=seconds):
                await self._pause(seconds)
            case policy.Search(clip=clip):
                await self._or_pause(await generation.search(self.ctx, self.job, clip), self.ctx.search_every_s)
            case policy.Poll(clip=clip):
                await self._poll(clip)
            case policy.Submit():
                await self._submit()
            case policy.Announce():
                raise AssertionError("an ended job is not carried")
            case _:
                self._set_job(await self._settle(action))

    async def _settle(
        self,
        action: _Write
        | policy.GiveUpSubmit
        | policy.ResolveUnknown
        | policy.GiveUpGeneration
        | policy.Store
        | policy.GiveUpStoring,
    ) -> Job:
        match action:
            case policy.GiveUpSubmit(clip=clip):
                return await give_up_submit(self.ctx, self.job, clip)
            case policy.ResolveUnknown(clip=clip):
                return await generation.resolve_unknown(self.ctx, self.job, clip)
            case policy.GiveUpGeneration(clip=clip):
                return await generation.give_up_generation(self.ctx, self.job, clip)
            case policy.Store(waits_for_files=waits):
                return await assembly.store(self.ctx, self.job, waits_for_files=waits)
            case policy.GiveUpStoring():
                return await assembly.give_up_storing(self.ctx, self.job)
            case _:
                return await save_event(self.ctx.jobs, self.job, _event_of(action, self.ctx.clock.now()))

    async def _submit(self) -> None:
        """It may wait for its turn for longer than the job may wait to be begun."""
        left_s = (policy.next_submit_until(self.job) - self._store_time()).total_seconds()
        after = await submit_next(self.ctx, self.job, begin_before=self.ctx.clock.boot() + left_s)
        if after is self.job:
            self.stale = True
        else:
            await self._continue_with(after)

    async def _continue_with(self, job: Job) -> None:
        """Goes on at once, or waits with the message in hand for what the model lacks."""
        self._set_job(job)
        if job.waiting_for and not job.ended:
            await self._pause(self.backoff.next_s())
        else:
            self.backoff.reset()

    async def _poll(self, clip: Clip) -> None:
        try:
            after = await self._unless_nudged(generation.poll_once(self.ctx, self.job, clip))
        except OtherModel:
            since, span_s = (
                clip.accepted_at or self._store_time(),
                policy.generation_span_s(self.job, self.ctx.deadlines),
            )
            if (self._store_time() - since).total_seconds() <= span_s:
                raise
            after = await generation.give_up_generation(self.ctx, self.job, clip)
        if after and after.state is JobState.STORING:
            await self._store_at_once(after)
        elif after:
            await self._continue_with(after)
        elif self.nudged.is_set() or self._age_s() > self.ctx.cancel_look_s:
            self.stale = True
        elif self.ctx.model.poll_every_s:
            await self._wait(self.ctx.model.poll_every_s * random.uniform(0.8, 1.2))

    async def _store_at_once(self, job: Job) -> None:
        """`storing` is written down only where it has to wait: from then on its own deadline counts."""
        try:
            self._set_job(await assembly.store(self.ctx, job, waits_for_files=True))
        except Unavailable:
            self._set_job(await self.ctx.jobs.save(job))
            raise

    async def _unless_nudged(self, doing: Coroutine[Any, Any, T]) -> T | None:
        """What comes of it; None where a nudge dropped it. In no task of its own: thousands of jobs do this at once."""
        try:
            async with asyncio.timeout(0 if self.nudged.is_set() else None) as droppable:
                self.droppable = droppable
                return await doing
        except TimeoutError:
            if not droppable.expired():
                raise
            return None
        finally:
            self.droppable = None

    async def _discard_unwanted(self) -> None:
        """Nobody waits for the accepted clips of a job that ended without a video."""
        if self.job.state is not JobState.SUCCEEDED:
            for clip in self.job.clips:
                if clip.state is ClipState.ACCEPTED and clip.operation:
                    await self.ctx.model.discard(clip.operation)

    async def _or_pause(self, after: Job | None, seconds: float) -> None:
        if after:
            self._set_job(after)
        else:
            await self._pause(seconds)

    async def _pause(self, seconds: float) -> None:
        await self._wait(seconds)
        self.stale = True

    async def _wait(self, seconds: float) -> None:
        """Sleeps, unless nudged."""
        await self._unless_nudged(self.ctx.clock.sleep(seconds))

    async def _reload(self) -> None:
        self.nudged.clear()
        self._set_job(await get_job(self.ctx.jobs, self.job.job_id))

    def _set_job(self, job: Job) -> None:
        self.job, self.seen_at_boot, self.stale = job, self.ctx.clock.boot(), False
        if (phase := _phase_of(job)) != self.watched_phase:
            self.watched_phase, self.watched_since, self.watched_whole = phase, self.seen_at_boot, True

    def _store_time(self) -> datetime:
        return self.ctx.store_time(self.job, self.seen_at_boot)

    def _watch(self) -> policy.Watch:
        return policy.Watch(self.ctx.clock.boot() - self.watched_since, self.watched_whole)

    def _age_s(self) -> float:
        return self.ctx.clock.boot() - self.seen_at_boot

    def _about(self, action: str) -> dict[str, str]:
        return {"action": action, "job_id": self.job.job_id}


def _request_details(job: Job) -> dict[str, object]:
    """What was asked for, for the log: nothing that the caller wrote freely. The model is the planned one once there is
    a plan: the request may name any."""
    wanted = {"duration_seconds", "quality", "aspect_ratio", "resolution", "generate_audio"}
    details: dict[str, object] = job.request.model_dump(mode="json", include=wanted)
    planned = {"model": job.clips[0].planned.model} if job.clips else {}
    return {**details, **planned, "with_image": job.request.reference_image is not None, "state": str(job.state)}


def _phase_of(job: Job) -> tuple[object, ...]:
    """What its deadline counts from: an attempt in one state, or the state of the job."""
    clip = job.clip_in(ClipState.SUBMITTING, ClipState.UNKNOWN, ClipState.ACCEPTED)
    return (job.state, clip.index, clip.attempt, clip.state) if clip else (job.state,)
