"""Run one job from any state of its record to its end: read the record, decide, act, and again."""

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
from schemas.services.backoff import Backoff
from schemas.services.update import get_job, save_event
from subscriber import assembly, generation, policy
from subscriber.context import WorkerContext
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


_LOGGED = {"duration_seconds", "quality", "aspect_ratio", "resolution", "generate_audio"}
_Write = policy.SubmitAgain | policy.Expire | policy.GiveUpWaiting
"""The actions that only save an event."""


@dataclass(slots=True)
class JobRunner:
    """Runs one job in this worker. `wake` makes it read the record at once, after a cancel for example."""

    ctx: WorkerContext
    job: Job
    seen_at_boot: float = 0.0
    stale: bool = False
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    cancel_scope: asyncio.Timeout | None = None
    backoff: Backoff = field(default_factory=Backoff)
    watched_phase: tuple[object, ...] = ()
    watched_since: float = 0.0
    watched_whole: bool = False

    def __post_init__(self) -> None:
        """Count the store's time from here on, also while the job waits for a slot."""
        self.watched_phase = _phase_of(self.job)
        self._set_job(self.job)

    def wake(self) -> None:
        """End a pause, or a poll that costs nothing, so that the record is read again."""
        self.woken.set()
        if self.cancel_scope and not self.cancel_scope.expired():
            self.cancel_scope.reschedule(0)

    @property
    def is_under_way(self) -> bool:
        """True if a submit waits for its outcome, a clip is being made, or the video is being stored."""
        is_made = self.job.clip_in(ClipState.ACCEPTED) is not None or self.job.state is JobState.STORING
        return is_made or self.job.ended or self.job.job_id in self.ctx.sending

    async def run(self) -> Job:
        """Return the ended job. While a dependency is out of reach the runner waits and tries again.

        Raises `NewerRecord` if this worker can't read the record because a newer one wrote it, and `OtherModel` if the
        worker of another provider has to go on.
        """
        self.watched_since = self.ctx.clock.boot()
        if not self.job.ended:
            # Log nothing that the caller wrote freely. The request may name any model: log the planned one.
            details: dict[str, object] = self.job.request.model_dump(mode="json", include=_LOGGED)
            planned = {"model": self.job.clips[0].planned.model} if self.job.clips else {}
            state = {"with_image": self.job.request.reference_image is not None, "state": str(self.job.state)}
            logger.info("took a job on", extra={**self._about("job_taken"), **details, **planned, **state})
        while not self.job.ended:
            await self._try_step()
        if self.job.state is not JobState.SUCCEEDED:
            for clip in self.job.clips:  # a clip of a job without a video is not wanted any more
                if clip.state is ClipState.ACCEPTED and clip.operation:
                    await self.ctx.model.discard(clip.operation)
        return self.job

    async def _try_step(self) -> None:
        """Read the record again, or take one step from it. A conflict or an outage makes the record stale."""
        try:
            if self.stale:
                self.woken.clear()
                self._set_job(await get_job(self.ctx.jobs, self.job.job_id))
            else:
                await self._step()
        except Conflict:
            self.stale = True
        except (NewerRecord, OtherModel):
            raise
        except Unavailable as error:
            logger.warning("a dependency is out of reach", extra={**self._about("unavailable"), "reason": str(error)})
            if isinstance(error, LocalDisk) and self.job.state in (JobState.GENERATING, JobState.STORING):
                # Only the log says so if the record is on the disk that is full.
                with suppress(Conflict, Unavailable):
                    event = ev.Waits(at=self.ctx.clock.now(), waiting_for="local_disk")
                    self._set_job(await save_event(self.ctx.jobs, self.job, event))
            await self._wait(max(error.retry_after_s, self.backoff.next_s()))
            self.stale = True

    async def _step(self) -> None:
        watch = policy.Watch(self.ctx.clock.boot() - self.watched_since, self.watched_whole)
        action = policy.decide(self.job, self._store_time(), self.ctx.deadlines, watch)
        match action:
            case policy.Hold(seconds=seconds):
                await self._pause(seconds)
            case policy.Search(clip=clip):
                if found := await generation.search(self.ctx, self.job, clip):
                    self._set_job(found)
                else:
                    await self._pause(self.ctx.search_every_s)
            case policy.Poll(clip=clip):
                await self._poll(clip)
            case policy.Submit():
                # The worker's turn may come later than the job may wait to be started.
                left_s = (policy.next_submit_until(self.job) - self._store_time()).total_seconds()
                after = await submit_next(self.ctx, self.job, begin_before=self.ctx.clock.boot() + left_s)
                if after is self.job:
                    self.stale = True
                else:
                    await self._continue_with(after)
            case policy.Announce():
                raise AssertionError("an ended job has no next step")
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

    async def _poll(self, clip: Clip) -> None:
        try:
            after = await self._unless_woken(generation.poll_once(self.ctx, self.job, clip))
        except OtherModel:
            now = self._store_time()
            waited_s = (now - (clip.accepted_at or now)).total_seconds()
            if waited_s <= policy.generation_span_s(self.job, self.ctx.deadlines):
                raise
            after = await generation.give_up_generation(self.ctx, self.job, clip)
        if after and after.state is JobState.STORING:
            try:
                self._set_job(await assembly.store(self.ctx, after, waits_for_files=True))
            except Unavailable:  # only now is `storing` saved: its deadline counts from the moment that it has to wait
                self._set_job(await self.ctx.jobs.save(after))
                raise
        elif after:
            await self._continue_with(after)
        elif self.woken.is_set() or self.ctx.clock.boot() - self.seen_at_boot > self.ctx.cancel_look_s:
            self.stale = True
        elif self.ctx.model.poll_every_s:
            await self._wait(self.ctx.model.poll_every_s * random.uniform(0.8, 1.2))

    async def _continue_with(self, job: Job) -> None:
        """Go on at once, or wait with the message in hand for the model's quota or capacity."""
        self._set_job(job)
        if job.waiting_for and not job.ended:
            if self.ctx.stopping.is_set():
                raise asyncio.CancelledError
            await self._pause(self.backoff.next_s())
        else:
            self.backoff.reset()

    async def _pause(self, seconds: float) -> None:
        """Wait, then read the record again."""
        await self._wait(seconds)
        self.stale = True

    async def _wait(self, seconds: float) -> None:
        await self._unless_woken(self.ctx.clock.sleep(seconds))

    async def _unless_woken(self, doing: Coroutine[Any, Any, T]) -> T | None:
        """Return its result; None if `wake` ended it. It gets no task of its own: thousands of jobs do this at once."""
        try:
            async with asyncio.timeout(0 if self.woken.is_set() else None) as scope:
                self.cancel_scope = scope
                return await doing
        except TimeoutError:
            if not scope.expired():
                raise
            return None
        finally:
            self.cancel_scope = None

    def _set_job(self, job: Job) -> None:
        self.job, self.seen_at_boot, self.stale = job, self.ctx.clock.boot(), False
        if (phase := _phase_of(job)) != self.watched_phase:
            self.watched_phase, self.watched_since, self.watched_whole = phase, self.seen_at_boot, True

    def _store_time(self) -> datetime:
        return self.ctx.store_time(self.job, self.seen_at_boot)

    def _about(self, action: str) -> dict[str, str]:
        return {"action": action, "job_id": self.job.job_id}


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


def _phase_of(job: Job) -> tuple[object, ...]:
    """Return what the present deadline counts from: an attempt in one state, or the state of the job."""
    clip = job.clip_in(ClipState.SUBMITTING, ClipState.UNKNOWN, ClipState.ACCEPTED)
    return (job.state, clip.index, clip.attempt, clip.state) if clip else (job.state,)
