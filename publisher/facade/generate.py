"""`POST /api/videos/generate`: takes a request in, and answers with the video, its failure, or where to ask for it."""

import logging
from dataclasses import dataclass

from starlette.responses import Response

from publisher.facade import patience, reattach
from publisher.facade.answers import accepted, failed, finished, status_url, too_late
from publisher.facade.body import video_request
from publisher.facade.preferences import Preferences, keyed_job_id, preferences_of
from publisher.facade.refusals import GONE, refused
from publisher.facade.state import Call
from publisher.facade.trace import traceparent_of
from publisher.status import view
from publisher.submit import SubmitUncertain, submit
from publisher.waiting import Draining, Place
from schemas.claim_check import claim_image
from schemas.errors import Unavailable
from schemas.job import Job
from schemas.request import VideoRequest
from schemas.state import JobState

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Order:
    request: VideoRequest
    keyed: bool
    preferences: Preferences
    wait_s: float


async def generate(call: Call) -> Response:
    """The whole conversation about one video."""
    order = await _read(call)
    if order.wait_s and call.state["waiters"].full:
        raise Unavailable("Too many callers wait here already; ask again soon, or with Prefer: respond-async")
    # The place is taken before the request is out: the end can't be missed, and needs no look to begin with.
    with call.state["waiters"].place(order.request.job_id) as place:
        try:
            job = await _job_for(call, order)
        except SubmitUncertain as error:
            await _left(call, order, error.job_id)
            return refused(error, status_url=status_url(call, error.job_id))
        return await _answer(call, order, job, place)


async def _read(call: Call) -> _Order:
    at_most_s = call.state["settings"].wait_s
    preferences = preferences_of(call.headers, at_most_s=at_most_s)
    request, keyed = await video_request(await call.body(), keyed_job_id(call.headers))
    wait_s = at_most_s if preferences.wait_s is None else preferences.wait_s
    if preferences.respond_async and preferences.wait_s is None:
        wait_s = 0
    return _Order(request=request, keyed=keyed, preferences=preferences, wait_s=wait_s)


async def _job_for(call: Call, order: _Order) -> Job:
    desk = call.state["desk"]
    request = await claim_image(order.request, desk.videos)
    if not order.keyed and call.state["settings"].reattach_s:
        owed = await reattach.unanswered(desk, request)
        if owed:
            return owed
    return await submit(desk, request, traceparent=traceparent_of(call))


async def _answer(call: Call, order: _Order, job: Job, place: Place) -> Response:
    try:
        end = await patience.unless_gone(call, _end(call, order, job, place))
    except patience.HungUp:
        await _left(call, order, job.job_id)
        logger.info("caller hung up", extra={"action": "wait_hung_up", "job_id": job.job_id})
        return Response(status_code=GONE)
    except Draining as error:
        await _left(call, order, job.job_id)
        return refused(error, video_id=job.job_id, status_url=status_url(call, job.job_id), charged=job.charged)
    if end is not None:
        return await _ended(call, order, end)
    return await _unfinished(call, order, job)


async def _end(call: Call, order: _Order, job: Job, place: Place) -> Job | None:
    if job.job_id == order.request.job_id:
        return await place.end(order.wait_s, seen=job)
    return await call.state["waiters"].ended(job.job_id, order.wait_s)  # it came back to another job


async def _ended(call: Call, order: _Order, job: Job) -> Response:
    desk = call.state["desk"]
    seen = await view(desk, job)
    headers = order.preferences.applied(async_too=False)
    if job.state is not JobState.SUCCEEDED:
        return failed(call, seen, headers)
    await reattach.answered(desk, job)
    return finished(seen, headers)


async def _unfinished(call: Call, order: _Order, job: Job) -> Response:
    desk = call.state["desk"]
    newest = await desk.jobs.get(job.job_id) or job if order.wait_s else job
    if order.preferences.given:
        return accepted(await view(desk, newest), order.preferences.applied(async_too=True))
    await _left(call, order, job.job_id)
    logger.info("wait is over", extra={"action": "wait_over", "job_id": job.job_id})
    comes_back = order.keyed or call.state["settings"].reattach_s > 0
    return too_late(call, job.job_id, newest.charged, retryable=comes_back)


async def _left(call: Call, order: _Order, job_id: str) -> None:
    reattach_s = call.state["settings"].reattach_s
    if not order.keyed and reattach_s:
        await reattach.left(call.state["desk"], job_id, reattach_s)
