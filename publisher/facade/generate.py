"""`POST /api/videos/generate`: takes a request in, and answers with the video, its failure, or where to ask for it."""

import asyncio
import logging
from dataclasses import dataclass, replace
from functools import partial

from starlette.responses import Response

from publisher.facade import patience, reattach
from publisher.facade.answers import accepted, failed, finished, status_url, too_late
from publisher.facade.body import video_request
from publisher.facade.callers import caller_of
from publisher.facade.limits import TooSlow
from publisher.facade.preferences import Preferences, keyed_job_id, preferences_of
from publisher.facade.refusals import GONE, refused
from publisher.facade.state import Call
from publisher.facade.trace import traceparent_of
from publisher.status import find, view
from publisher.submit import SubmitUncertain, submit
from publisher.waiting import Crowded, Draining, Place
from schemas.claim_check import claim_image
from schemas.errors import Unavailable
from schemas.job import Job
from schemas.request import VideoRequest
from schemas.state import JobState
from schemas.tombstone import gone

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Order:
    """What a caller wants. Its image is in the store already: it may wait for minutes, and images are large."""

    request: VideoRequest
    keyed: bool
    may_return: bool
    """A legacy caller without a key: where it goes without an answer, its next identical call comes back."""
    preferences: Preferences
    wait_s: float
    caller: str | None

    @property
    def asked(self) -> tuple[str | None, str]:
        """What makes two calls one and the same."""
        return self.caller, self.request.fingerprint()


async def generate(call: Call) -> Response:
    """The whole conversation about one video."""
    order = await _read(call)
    if not order.may_return:
        return await _serve(call, order, None)
    with call.state["twins"].joined(order.asked) as twin:
        await twin.moment()
        owed = await reattach.unanswered(call.state["desk"], order.request, order.caller)
        return await _serve(call, order, owed)


async def _read(call: Call) -> _Order:
    settings = call.state["settings"]
    preferences = preferences_of(call.headers, at_most_s=settings.wait_s)
    wait_s = settings.wait_s if preferences.wait_s is None else preferences.wait_s
    if preferences.respond_async and preferences.wait_s is None:
        wait_s = 0
    request, keyed = await video_request(await _body(call), keyed_job_id(call.headers))
    return _Order(
        request=await claim_image(request, call.state["desk"].videos),
        keyed=keyed,
        may_return=not keyed and settings.reattach_s > 0,
        preferences=preferences,
        wait_s=wait_s,
        caller=caller_of(call),
    )


async def _body(call: Call) -> bytes:
    """Not `call.body()`, which keeps it for as long as the call lasts. Raises `TooSlow`."""
    within_s = call.state["settings"].body_within_s
    try:
        async with asyncio.timeout(within_s):
            return b"".join([part async for part in call.stream()])
    except TimeoutError:
        raise TooSlow(f"The body must arrive within {within_s:g} s") from None


async def _serve(call: Call, order: _Order, owed: Job | None) -> Response:
    job_id = owed.job_id if owed else order.request.job_id
    crowded = call.state["waiters"].crowded if order.wait_s else None
    if crowded:
        order = replace(order, wait_s=0)
    # The place is taken before the request is out: the end can't be missed, and needs no look to begin with.
    with call.state["waiters"].place(job_id, stays=order.wait_s > 0) as place:
        try:
            job = await _job_for(call, order, owed)
        except SubmitUncertain as error:
            repeatable = await _left(call, order, error.job_id)
            return refused(error, status_url=status_url(call, error.job_id), repeatable=repeatable)
        return await _answer(call, order, job, place, crowded)


async def _job_for(call: Call, order: _Order, owed: Job | None) -> Job:
    desk = call.state["desk"]
    if owed:
        return await find(desk, owed.job_id)  # it may have ended before the place was taken
    return await submit(desk, order.request, traceparent=traceparent_of(call), caller=order.caller)


async def _answer(call: Call, order: _Order, job: Job, place: Place, crowded: Crowded | None) -> Response:
    """What becomes of the call. Whatever keeps the answer from the caller, it may come back for it."""
    left = partial(_left, call, order, job.job_id, seen=job)
    try:
        return await _outcome(call, order, job, place, crowded)
    except patience.HungUp:
        await left()
        logger.info("caller hung up", extra={"action": "wait_hung_up", "job_id": job.job_id})
        return Response(status_code=GONE)
    except (Draining, Unavailable) as error:
        where, repeatable = status_url(call, job.job_id), await left()
        return refused(error, video_id=job.job_id, status_url=where, charged=job.charged, repeatable=repeatable)
    except BaseException:
        await left()
        raise


async def _outcome(call: Call, order: _Order, job: Job, place: Place, crowded: Crowded | None) -> Response:
    """How it ended, or how it stands when the wait is over."""
    end = await patience.unless_gone(call, place.end(order.wait_s, seen=job))
    if end is not None:
        return await _ended(call, order, end)
    newest = await _newest(call, job) if order.wait_s else job
    if order.preferences.given:
        return accepted(await view(call.state["desk"], newest), order.preferences.applied(async_too=True))
    if crowded:
        raise crowded
    repeatable = await _left(call, order, job.job_id, seen=newest)
    logger.info("wait is over", extra={"action": "wait_over", "job_id": job.job_id})
    return too_late(call, job.job_id, newest.charged, repeatable=repeatable)


async def _ended(call: Call, order: _Order, job: Job) -> Response:
    desk = call.state["desk"]
    if job.erased_at:
        raise gone(job)
    seen = await view(desk, job)
    headers = order.preferences.applied(async_too=False)
    if job.state is not JobState.SUCCEEDED:
        return failed(call, seen, headers)
    await reattach.answered(desk, job)
    return finished(seen, headers)


async def _newest(call: Call, job: Job) -> Job:
    try:
        return await call.state["desk"].jobs.get(job.job_id) or job
    except Unavailable:
        return job


async def _left(call: Call, order: _Order, job_id: str, *, seen: Job | None = None) -> bool:
    """Whether the caller's next identical call comes back to this job, and makes no second one."""
    if not order.may_return:
        return order.keyed
    noted = await reattach.left(call.state["desk"], job_id, call.state["settings"].reattach_s, seen=seen)
    if noted:
        call.state["twins"].promised(order.asked)
    return noted
