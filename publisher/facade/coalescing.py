"""Gives identical callers without a key a moment, before a second job is made for what may be one caller's retry.

A caller that hangs up and calls again at once is here before its first call is known to be gone, and so before the
record promises it anything. This holds inside one process; the promise itself lies in the record.

Brings a caller without a key back to the job whose answer it missed: legacy callers retry, and each job costs money.

The promise lies in the record, so that it holds across facades and restarts.
"""

import asyncio
import logging
from collections.abc import Hashable, Sequence
from contextlib import suppress
from datetime import timedelta
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


class _Group:
    """Callers with one and the same request, in the order in which they came."""

    __slots__ = ("_stirred", "present", "promises")

    def __init__(self) -> None:
        self.present: dict[CoalescedCall, None] = {}
        self.promises = 0
        self._stirred: asyncio.Event | None = None

    async def changed(self) -> None:
        """Until something changes here."""
        self._stirred = self._stirred or asyncio.Event()
        await self._stirred.wait()

    def stir(self) -> None:
        if self._stirred:
            self._stirred.set()
            self._stirred = None


class CoalescedCall:
    """One of them, here until it leaves, or the context ends."""

    __slots__ = ("_asked", "_crowd", "_promises_before", "_twins")

    def __init__(self, twins: "Coalescer", asked: Hashable, crowd: _Group) -> None:
        self._twins = twins
        self._asked = asked
        self._crowd = crowd
        self._promises_before = crowd.promises

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """The caller is gone. To be called once."""
        self._twins.leave(self._asked, self)

    async def wait_briefly(self) -> None:
        """Until one who was here before is promised an answer, or all of them are gone; `MOMENT_S` at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(MOMENT_S):
                while self.should_wait:
                    await self._crowd.changed()

    @property
    def should_wait(self) -> bool:
        """Whether it is not alone, and nobody was promised anything since it came."""
        is_first = next(iter(self._crowd.present)) is self
        return not is_first and self._crowd.promises == self._promises_before


class Coalescer:
    """The callers without an idempotency key in this process, by who they are and what they ask for."""

    def __init__(self) -> None:
        self._crowds: dict[Hashable, _Group] = {}

    def join(self, asked: Hashable) -> CoalescedCall:
        """One more of those who ask for this."""
        crowd = self._crowds.setdefault(asked, _Group())
        twin = CoalescedCall(self, asked, crowd)
        crowd.present[twin] = None
        return twin

    def leave(self, asked: Hashable, twin: CoalescedCall) -> None:
        """One of them is gone."""
        crowd = self._crowds[asked]
        del crowd.present[twin]
        crowd.stir()
        if not crowd.present:
            del self._crowds[asked]

    def mark_promised(self, asked: Hashable) -> None:
        """One of them went without an answer, and its record says so."""
        if crowd := self._crowds.get(asked):
            crowd.promises += 1
            crowd.stir()


_LOOK_BACK = 20
"""Identical jobs that are looked at, the newest first."""


async def find_unanswered(desk: PublisherContext, fingerprints: Sequence[str], caller: str | None) -> Job | None:
    """The newest job for this caller's identical request that went without an answer. The image is claimed already; the
    request has more than one fingerprint if its image may have had another name."""
    for fingerprint in fingerprints:
        page = await desk.jobs.list(JobQuery(fingerprint=fingerprint, caller=caller, limit=_LOOK_BACK))
        if found := next((job for job in page.jobs if _can_reattach(desk, job)), None):
            logger.info("caller came back", extra={"action": "reattach_found", "job_id": found.job_id})
            return found
    return None


async def mark_unanswered(desk: PublisherContext, job_id: str, reattach_s: float, *, seen: Job | None = None) -> bool:
    """The caller went without an answer: it may come back. False where that could not be noted.

    `seen` saves a read where the record has not changed since.
    """
    now = desk.clock.now()
    try:
        await _note(desk, job_id, WaitEnded(at=now, until=now + timedelta(seconds=reattach_s)), seen)
    except ReelbusError:
        logger.warning("caller can't come back", extra={"action": "reattach_unnoted", "job_id": job_id})
        return False
    return True


async def clear_unanswered(desk: PublisherContext, job: Job) -> None:
    """The caller has its video: the next identical call means a new one. Best effort."""
    if job.reattach_until is None:
        return
    try:
        await update_job(desk.jobs, job.job_id, lambda _: CallerAnswered(at=desk.clock.now()))
    except ReelbusError:
        logger.warning("answer was not noted", extra={"action": "reattach_unanswered", "job_id": job.job_id})


async def _note(desk: PublisherContext, job_id: str, event: WaitEnded, seen: Job | None) -> None:
    if seen:
        with suppress(Conflict):
            await desk.jobs.save(advance(seen, event))
            return
    await update_job(desk.jobs, job_id, lambda _: event)


def _can_reattach(desk: PublisherContext, job: Job) -> bool:
    if job.reattach_until is None or job.reattach_until <= desk.clock.now():
        return False
    # A job that ended without costing anything is not worth coming back to: a new one may do better.
    return not job.has_ended or job.state is JobState.SUCCEEDED or _was_paid_in_vain(job)


def _was_paid_in_vain(job: Job) -> bool:
    return job.state is JobState.FAILED and job.failure is not None and job.failure.charged is not Charged.NO
