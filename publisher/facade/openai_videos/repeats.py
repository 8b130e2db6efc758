"""Finds the job of a call that a client sends again by itself, without a key.

OpenAI's clients repeat a call up to twice if they get no answer, or an error. A repeated call differs from the first
one only in `x-stainless-retry-count`. So two rules hold for identical requests of one caller:

- Each first attempt (count 0) is a job of its own.
- A repeated call (count above 0) gets a job that was made for an identical request within `REPEATED_WITHIN`, whatever
  has become of it. It makes a job only if there is none.

A caller may have several such jobs. The record tells which attempt was answered with it last, and whether the caller
has named its id since: then it knows the job, and has lost no answer of it.

No facade can know what another one is about to write. All calls therefore make the next id from the newest identical
job. A first attempt and its repetition that arrive at once then meet at the same id, and the store creates one of them.
A first attempt that arrives after its repetition gets the job of the repetition.

LiteLLM's Router repeats a call as well, and says nothing: the repetition has the bytes of the first attempt. So another
rule holds for LiteLLM: an identical call gets the job whose id the caller has not named yet. After that it makes one.
"""

import base64
import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from starlette.datastructures import Headers

from publisher.context import PublisherContext
from publisher.submit import check_same_request, publish_if_due, submit_staged
from schemas.domain.events import AnswerReceived, AttemptAnswered
from schemas.domain.job import ClientCall, Job
from schemas.errors import Conflict, IdReused, ReelbusError, Unavailable
from schemas.ports import JobQuery
from schemas.services.reference_images import StagedImage
from schemas.services.update import save_event, update_job

logger = logging.getLogger(__name__)

REPEATED_WITHIN = timedelta(hours=1)
"""The clients give up an attempt after 10 minutes, and make 3 attempts."""
_COUNT = "x-stainless-retry-count"
_COUNT_AT_MOST = 1000
_LITELLM = "litellm/"
"""Its `User-Agent` begins so: https://github.com/BerriAI/litellm/blob/main/litellm/llms/custom_httpx/http_handler.py"""
_PAGE_SIZE = 50
_PAGES_AT_MOST = 4
_ATTEMPTS = 20


def attempt_of(headers: Headers) -> int:
    """Return which attempt of its call this is: 0 for the first one, and for a client that does not count."""
    given = headers.get(_COUNT, "0").strip()
    is_count = given.isascii() and given.isdigit() and len(given) < 6
    return min(int(given), _COUNT_AT_MOST) if is_count else 0


def is_counted(headers: Headers) -> bool:
    """Return False for LiteLLM, which repeats a call without a count."""
    return _COUNT in headers or not headers.get("user-agent", "").lower().startswith(_LITELLM)


@dataclass(frozen=True, slots=True)
class KeylessCall:
    """One attempt of a call without a key, and the request that it brought."""

    ctx: PublisherContext
    staged: StagedImage
    caller: str | None
    attempt: int
    arrived_at: datetime
    traceparent: str
    counted: bool = True
    """False if the client repeats calls and does not say so."""

    async def find_or_create(self) -> Job:
        """Return the job of this call. Raises what `submit_staged` raises."""
        for _ in range(_ATTEMPTS):
            earlier = await self._find_earlier()
            chosen = self._choose(earlier)
            try:
                if chosen:
                    return await self._answer_with(chosen)
                return await self._create(earlier[0].job_id if earlier else "")
            except Conflict:
                continue  # a worker wrote the record, or another attempt was answered with the job
        raise Conflict("identical calls arrive too fast; send this one again")

    async def _find_earlier(self) -> list[Job]:
        """Return the jobs that were made for identical requests of this caller, the newest first."""
        earliest, found = self.arrived_at - REPEATED_WITHIN, dict[str, Job]()
        for fingerprint in self.staged.fingerprints:
            query = JobQuery(fingerprint=fingerprint, caller=self.caller, limit=_PAGE_SIZE)
            for _ in range(_PAGES_AT_MOST):
                page = await self.ctx.jobs.list(query)
                found |= {job.job_id: job for job in page.jobs if job.client_call and job.caller == self.caller}
                if page.cursor is None or page.jobs[-1].created_at < earliest:
                    break
                query = replace(query, cursor=page.cursor)
        return sorted(found.values(), key=lambda job: job.created_at, reverse=True)

    def _choose(self, earlier: Sequence[Job]) -> Job | None:
        """Return the job that this attempt is for; None if it needs one of its own."""
        earliest = self.arrived_at - REPEATED_WITHIN
        recent = [job for job in earlier if job.created_at > earliest and not job.erased_at and self._may_get(job)]
        if self.attempt == 0:
            return next(iter(recent), None)
        return min(recent, key=self._distance, default=None)

    def _may_get(self, job: Job) -> bool:
        """Return whether an identical job may be the one that this attempt is for."""
        call = job.client_call
        if call is None:
            return False
        is_on_its_way = job.created_at >= self.arrived_at
        if not self.counted:
            return is_on_its_way or not call.received
        return self.attempt > 0 or (call.by_repeat and is_on_its_way)

    def _distance(self, job: Job) -> tuple[bool, bool, bool]:
        """Return how unlikely it is that this attempt is for the job."""
        assert job.client_call
        call = job.client_call
        return call.received, call.attempt != self.attempt - 1, call.attempt >= self.attempt

    async def _answer_with(self, job: Job) -> Job:
        """Note in the record that this attempt is answered with the job. Raises `Conflict` if the record changed."""
        job = await save_event(self.ctx.jobs, job, AttemptAnswered(at=self.ctx.clock.now(), attempt=self.attempt))
        logger.info("repeated call", extra={"action": "openai_repeat_found", "job_id": job.job_id})
        try:
            return await publish_if_due(self.ctx, job)
        except Unavailable:  # then `reconcile` publishes its request
            return job

    async def _create(self, newest: str) -> Job:
        """Create the job with the first free id after that of the newest identical job."""
        call = ClientCall(attempt=self.attempt, by_repeat=self.attempt > 0)
        for job_id in self._ids_after(newest):
            known = await self.ctx.jobs.get(job_id)
            if known is None:
                request = self.staged.request.model_copy(update={"job_id": job_id})
                staged = replace(self.staged, request=request)
                known = await submit_staged(
                    self.ctx, staged, traceparent=self.traceparent, caller=self.caller, client_call=call
                )
                if known.traceparent == self.traceparent:
                    return known
            if self._is_mine(known):
                return await self._answer_with(known)
        raise AssertionError("the ids never end")

    def _is_mine(self, known: Job) -> bool:
        """Return whether a job that has the next id already is the one of this call."""
        try:
            check_same_request(self.staged, known, self.caller)
        except IdReused:
            return False
        except ReelbusError:  # it was erased
            return False
        return self._may_get(known)

    def _ids_after(self, newest: str) -> Iterator[str]:
        while True:
            text = "\0".join(("reelbus openai", self.caller or "", self.staged.fingerprints[0], newest))
            digest = base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().lower()
            newest = f"video_{digest[:32]}"
            yield newest


async def note_received(ctx: PublisherContext, job: Job, caller: str | None) -> None:
    """Note that the caller knows the job, so that no repeated call is taken for this job's before another one's."""
    if job.client_call is None or job.client_call.received or job.erased_at or job.caller != caller:
        return
    try:
        await update_job(ctx.jobs, job.job_id, lambda newest: AnswerReceived(at=ctx.clock.now()))
    except ReelbusError:
        logger.warning("answer was not noted", extra={"action": "openai_receipt_unnoted", "job_id": job.job_id})
