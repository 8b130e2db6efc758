"""Request coalescing: a caller without an idempotency key that sends its request again comes back to the same job.

Legacy callers retry, and each job costs money. If a call gets no answer, its job's record promises the job to the next
identical call. The record holds the promise, so that it is valid in each facade and after a restart.

A caller that disconnects and calls again at once can arrive before this process notices the end of the first call, so
before the promise is stored. An identical call therefore waits a moment if this process is answering another one.
"""

import asyncio
import logging
from collections.abc import Hashable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Self

from publisher.context import PublisherContext
from schemas.domain.events import CallerAnswered, WaitEnded
from schemas.domain.job import Job
from schemas.domain.state_machine import advance
from schemas.domain.states import JobState
from schemas.errors import Charged, Conflict, ReelbusError
from schemas.ports import JobQuery
from schemas.services.update import update_job

logger = logging.getLogger(__name__)
MOMENT_S = 0.3
_JOBS_AT_MOST = 20
"""How many identical jobs `find_unanswered` reads, the newest first."""


class Coalescer:
    """The calls in this process that may be repeated without a key, by their caller and request."""

    def __init__(self) -> None:
        self._groups: dict[Hashable, _Group] = {}

    def join(self, key: Hashable) -> "CoalescedCall":
        """Return a new member of the group of identical calls that `key` names."""
        return CoalescedCall(self, key, self._groups.setdefault(key, _Group()))

    def remove(self, key: Hashable) -> None:
        """Forget a group without members."""
        del self._groups[key]


class _Group:
    """Identical calls, in the order of their arrival."""

    __slots__ = ("_change", "calls", "promises")

    def __init__(self) -> None:
        self.calls: dict[CoalescedCall, None] = {}
        self.promises = 0
        """How many members got no answer, with a record that says so."""
        self._change: asyncio.Event | None = None

    async def wait_for_change(self) -> None:
        """Wait until a member leaves or is promised its job."""
        self._change = self._change or asyncio.Event()
        await self._change.wait()

    def notify(self) -> None:
        """End each `wait_for_change`."""
        if self._change:
            self._change.set()
            self._change = None


class CoalescedCall:
    """One member of a group, until it leaves or the context ends."""

    __slots__ = ("_coalescer", "_group", "_key", "_promises_before")

    def __init__(self, coalescer: Coalescer, key: Hashable, group: _Group) -> None:
        self._coalescer = coalescer
        self._key = key
        self._group = group
        self._promises_before = group.promises
        group.calls[self] = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Leave the group. To be called once."""
        del self._group.calls[self]
        self._group.notify()
        if not self._group.calls:
            self._coalescer.remove(self._key)

    @property
    def should_wait(self) -> bool:
        """True if an earlier member is still here, and no member was promised its job since this call arrived."""
        is_first = next(iter(self._group.calls)) is self
        return not is_first and self._group.promises == self._promises_before

    async def wait_briefly(self) -> None:
        """Wait while `should_wait` is true, for `MOMENT_S` at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(MOMENT_S):
                while self.should_wait:
                    await self._group.wait_for_change()

    def mark_promised(self) -> None:
        """Tell the group that the record promises this call's job to the next identical call."""
        self._group.promises += 1
        self._group.notify()


async def find_unanswered(ctx: PublisherContext, fingerprints: Sequence[str], caller: str | None) -> Job | None:
    """Return the newest job of this caller for an identical request that got no answer.

    The image is staged already. A request has more than one fingerprint if its image may have had another name.
    """
    now = ctx.clock.now()
    for fingerprint in fingerprints:
        page = await ctx.jobs.list(JobQuery(fingerprint=fingerprint, caller=caller, limit=_JOBS_AT_MOST))
        if found := next((job for job in page.jobs if _can_reattach(job, now)), None):
            logger.info("caller came back", extra={"action": "reattach_found", "job_id": found.job_id})
            return found
    return None


def _can_reattach(job: Job, now: datetime) -> bool:
    if job.reattach_until is None or job.reattach_until <= now:
        return False
    # If a job ended without a video and without a charge, a new one may do better.
    was_charged = job.state is JobState.FAILED and job.failure is not None and job.failure.charged is not Charged.NO
    return not job.ended or job.state is JobState.SUCCEEDED or was_charged


async def mark_unanswered(ctx: PublisherContext, job_id: str, reattach_s: float, *, seen: Job | None = None) -> bool:
    """Promise the job to the next identical call. Return False if the promise can't be stored.

    `seen` saves a read if the record has not changed since.
    """
    now = ctx.clock.now()
    event = WaitEnded(at=now, until=now + timedelta(seconds=reattach_s))
    try:
        if seen:
            with suppress(Conflict):
                await ctx.jobs.save(advance(seen, event))
                return True
        await update_job(ctx.jobs, job_id, lambda _: event)
    except ReelbusError:
        logger.warning("caller can't come back", extra={"action": "reattach_unnoted", "job_id": job_id})
        return False
    return True


async def clear_unanswered(ctx: PublisherContext, job: Job) -> None:
    """Withdraw the promise, since the caller gets its video: its next identical call asks for a new one.

    If the store fails, the promise stays until it expires.
    """
    if job.reattach_until is None:
        return
    try:
        await update_job(ctx.jobs, job.job_id, lambda _: CallerAnswered(at=ctx.clock.now()))
    except ReelbusError:
        logger.warning("answer was not noted", extra={"action": "reattach_unanswered", "job_id": job.job_id})
