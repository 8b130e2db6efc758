"""`POST /api/videos/generate`: accepts a request, and answers with the video, its failure, or the address of its job.

The steps of one call are: body, admission, request, job, wait, answer.
"""

import logging
from contextlib import suppress
from functools import partial
from typing import Self

from starlette.responses import Response

from publisher.context import find, place_of, view
from publisher.facade.call import Call, ClientDisconnected, check_connected, wait_for_disconnect
from publisher.facade.coalescing import CoalescedCall, clear_unanswered, find_unanswered, mark_unanswered
from publisher.facade.errors import GONE, error_response
from publisher.facade.middleware import access_of, caller_of, traceparent_of
from publisher.facade.request_body import Slot, Upload
from publisher.facade.request_headers import job_id_of_key, preferences_of, video_request
from publisher.facade.responses import failure_response, progress_response, status_url, timeout_response, video_response
from publisher.submit import SubmitUncertain, publish_if_due, submit_staged
from publisher.waiting import Draining, TooManyWaiters, Waiter
from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.domain.tombstone import to_gone
from schemas.errors import Charged, Unavailable
from schemas.services.reference_images import ImageOwner, StagedImage, stage_image
from schemas.wire.caller_names import to_shown_id

logger = logging.getLogger(__name__)


async def generate(call: Call) -> Response:
    """Answer one call, from its body to its answer."""
    access_of(call).check("submit")
    with _GenerateCall(call) as this:
        return await this.respond()


class _GenerateCall:
    """One call. 10,000 callers wait at once: slots, and no body, image, request or record is kept during a wait."""

    __slots__ = (
        "_call",
        "_caller",
        "_charged",
        "_coalesced",
        "_ctx",
        "_has_own_id",
        "_job_id",
        "_may_exist",
        "_overflow",
        "_preferences",
        "_wait_s",
        "_waiter",
    )

    def __init__(self, call: Call) -> None:
        settings = call.state["settings"]
        self._call = call
        self._ctx = call.state["ctx"]
        self._caller = caller_of(call)
        self._preferences = preferences_of(call.headers, at_most_s=settings.wait_s)
        self._wait_s = settings.wait_s if self._preferences.wait_s is None else self._preferences.wait_s
        if self._preferences.respond_async and self._preferences.wait_s is None:
            self._wait_s = 0
        self._overflow: TooManyWaiters | None = None
        """The error for a caller that would wait, if too many callers wait already."""
        self._has_own_id = False
        """True if the caller named the id or the key of its job: the same call again finds the same job."""
        self._may_exist = False
        """True if a job with that id may exist."""
        self._coalesced: CoalescedCall | None = None
        """Set if the next identical call may return to this job, in case this call gets no answer. That is so for a
        caller without an id, or with `Prefer: reattach`."""
        self._waiter: Waiter | None = None
        self._job_id = ""
        self._charged = Charged.NO

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._waiter:
            self._waiter.leave()
        if self._coalesced:
            self._coalesced.leave()

    async def respond(self) -> Response:
        """Submit the request, wait, and answer. If the caller gets no answer, note that it may return for it."""
        try:
            job = await self._submit()
        except ClientDisconnected:
            return Response(status_code=GONE)
        except SubmitUncertain as error:
            repeatable = await self._mark_unanswered()
            return error_response(error, status_url=status_url(self._call, error.job_id), repeatable=repeatable)
        try:
            return await self._answer(job or await self._wait())
        except ClientDisconnected:
            await self._mark_unanswered()
            logger.info("caller disconnected", extra={"action": "wait_hung_up", "job_id": self._job_id})
            return Response(status_code=GONE)
        except (Draining, Unavailable) as error:
            repeatable, video_id = await self._mark_unanswered(), to_shown_id(self._caller, self._job_id)
            return error_response(
                error,
                video_id=video_id,
                status_url=status_url(self._call, video_id),
                charged=self._charged,
                repeatable=repeatable,
            )
        except BaseException:
            await self._mark_unanswered()
            raise

    async def _submit(self) -> Job | None:
        """Read the body, and find or create its job. Return None if the job has not ended and the caller waits for it.

        Raises `ClientDisconnected` and `Draining` if that happened while the call was queued: then it has no job.
        """
        call, state = self._call, self._call.state
        with Upload(state["uploads"]) as upload:
            body = await upload.read(call)
            with await state["admission"].acquire() as slot:
                if slot.queued:
                    await check_connected(call)
                    if state["waiters"].draining:
                        raise Draining("The server is stopping; no job was made of this request")
                staged = await self._stage_request(body)
                del body
                unanswered = await self._find_unanswered(staged, slot)
                job = await self._find_or_create(staged, unanswered)
        self._job_id, self._charged = job.job_id, job.charged
        return None if self._wait_s and not job.ended else job

    async def _stage_request(self, body: bytes) -> StagedImage:
        """Return the request with the id under which its job is stored. Nothing is stored yet."""
        request, self._has_own_id = await video_request(body, job_id_of_key(self._call.headers))
        self._may_exist = self._has_own_id
        owner = None
        if self._caller is not None:
            owner = ImageOwner(self._caller, self._ctx.jobs)
            if self._has_own_id:  # an id that was made just now is unique without its caller
                job_id = await place_of(self._ctx, request.job_id, self._caller)
                request = request.model_copy(update={"job_id": job_id})
        return await stage_image(request, self._ctx.videos, owner=owner)

    async def _find_unanswered(self, staged: StagedImage, slot: Slot) -> Job | None:
        """Return the job whose answer an identical call of this caller did not get."""
        named = self._has_own_id and not self._preferences.reattach
        if named or self._call.state["settings"].reattach_s <= 0:
            return None
        fingerprints = staged.fingerprints
        self._coalesced = self._call.state["coalescer"].join((self._caller, fingerprints[0]))
        if self._coalesced.should_wait:
            slot.release()
            await self._coalesced.wait_briefly()
        if self._may_exist:
            self._may_exist = await self._ctx.jobs.get(staged.request.job_id) is not None
            if self._may_exist:
                return None  # the same call again: its job is the one with its id
        return await find_unanswered(self._ctx, fingerprints, self._caller)

    async def _find_or_create(self, staged: StagedImage, unanswered: Job | None) -> Job:
        """Return the job that an identical call left, or else that of the request's id. Raises `TooManyQueued`."""
        waiters = self._call.state["waiters"]
        if self._wait_s and (overflow := waiters.is_full):
            self._overflow, self._wait_s = overflow, 0
        # Register before the request is published: then no end is missed, and the wait need not begin with a read.
        self._job_id = unanswered.job_id if unanswered else staged.request.job_id
        self._waiter = waiters.register(self._job_id, stays=self._wait_s > 0)
        if not unanswered:
            return await submit_staged(
                self._ctx,
                staged,
                traceparent=traceparent_of(self._call),
                caller=self._caller,
                may_exist=self._may_exist,
            )
        job = await find(self._ctx, unanswered.job_id)  # it may have ended before this caller was registered
        with suppress(Unavailable):  # then `reconcile` publishes its request
            job = await publish_if_due(self._ctx, job)
        return job

    async def _wait(self) -> Job | None:
        """Return the job at its end or when the wait expires; None if the store is out of reach at that time."""
        assert self._waiter
        job = await self._waiter.end(self._wait_s, partial(wait_for_disconnect, self._call), look=False)
        await check_connected(self._call)
        return job or await self._call.state["waiters"].reload(self._job_id)

    async def _answer(self, job: Job | None) -> Response:
        if job is None or not job.ended:
            return await self._answer_unfinished(job)
        if job.erased_at:
            raise to_gone(job, caller=self._caller)
        seen = await view(self._ctx, job, caller=self._caller)
        headers = self._preferences.to_headers(has_ended=True)
        if job.state is not JobState.SUCCEEDED:
            return failure_response(self._call, seen, headers)
        await clear_unanswered(self._ctx, job)
        return video_response(seen, headers)

    async def _answer_unfinished(self, job: Job | None) -> Response:
        if self._preferences.is_given:
            job = job or await find(self._ctx, self._job_id)
            seen = await view(self._ctx, job, caller=self._caller)
            return progress_response(self._call, seen, self._preferences.to_headers(has_ended=False))
        if self._overflow:
            raise self._overflow
        repeatable = await self._mark_unanswered(job)
        logger.info("wait expired", extra={"action": "wait_over", "job_id": self._job_id})
        charged, video_id = job.charged if job else self._charged, to_shown_id(self._caller, self._job_id)
        return timeout_response(self._call, video_id, charged, repeatable=repeatable)

    async def _mark_unanswered(self, job: Job | None = None) -> bool:
        """Note in the record that the caller got no answer.

        Return whether its next identical call returns to this job, and makes no second one.
        """
        if not self._coalesced:
            return self._has_own_id
        reattach_s = self._call.state["settings"].reattach_s
        noted = await mark_unanswered(self._ctx, self._job_id, reattach_s, seen=job)
        if noted:
            self._coalesced.mark_promised()
        return noted or self._has_own_id
