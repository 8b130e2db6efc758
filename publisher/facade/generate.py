"""`POST /api/videos/generate`: takes a request in, and answers with the video, its failure, or where to ask for it."""

import logging
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Self

from starlette.responses import Response

from publisher.context import find, place_of, view
from publisher.facade import call as patience
from publisher.facade import coalescing
from publisher.facade.call import Call
from publisher.facade.coalescing import CoalescedCall
from publisher.facade.errors import GONE, error_response
from publisher.facade.middleware import caller_of, traceparent_of
from publisher.facade.request_body import Slot, Upload
from publisher.facade.request_headers import Preferences, job_id_of_key, preferences_of, video_request
from publisher.facade.responses import accepted_response, failure_response, status_url, timeout_response, video_response
from publisher.submit import SubmitUncertain, publish_if_due, submit_claim
from publisher.waiting import Draining, TooManyWaiters, Waiter
from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.domain.tombstone import gone_error
from schemas.errors import Charged, Unavailable
from schemas.services.reference_images import ImageOwner, StagedImage, stage_image, store_image, undo_reference
from schemas.wire.caller_names import shown_id

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Order:
    """How a caller wants its answer."""

    caller: str | None
    fingerprints: tuple[str, ...]
    keyed: bool
    may_return: bool
    """A caller without a key, or with `Prefer: reattach`: if it gets no answer, its next identical call comes back."""
    preferences: Preferences
    wait_s: float

    def shown(self, job_id: str) -> str:
        """The id of a stored job as its caller knows it."""
        return shown_id(self.caller, job_id)

    @property
    def asked(self) -> tuple[str | None, str]:
        """What makes two calls one and the same."""
        return self.caller, self.fingerprints[0]


class _Stay:
    """What a caller holds for as long as the context lasts. Ten thousand stay at once, and an ExitStack is large."""

    __slots__ = ("place", "twin")

    def __init__(self) -> None:
        self.twin: CoalescedCall | None = None
        self.place: Waiter | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.place:
            self.place.leave()
        if self.twin:
            self.twin.leave()


class _Taken(NamedTuple):
    """All that is kept while a caller waits: request and record are large, and ten thousand wait at once."""

    order: _Order
    place: Waiter
    crowded: TooManyWaiters | None
    job_id: str
    charged: Charged
    seen: Job | None
    """The job as it stands, where nobody waits for it: it has ended already, or the caller doesn't stay."""


async def generate(call: Call) -> Response:
    """The whole conversation about one video."""
    with _Stay() as stay:
        try:
            taken = await _taken_in(call, stay)
        except patience.ClientDisconnected:
            return Response(status_code=GONE)
        return taken if isinstance(taken, Response) else await _answer(call, taken)


async def _taken_in(call: Call, stay: _Stay) -> _Taken | Response:
    """What the caller waits for; its job exists, new or known."""
    with Upload(call.state["uploads"]) as upload:
        body = await upload.read(call)
        with await call.state["intake"].turn() as turn:
            if turn.queued:
                await _still_wanted(call)
            claim, order = await _read(call, body)
            del body
            upload.give_up()
            owed = await _owed(call, claim, order, stay, turn) if order.may_return else None
            return await _placed(call, stay, claim, order, owed)


async def _still_wanted(call: Call) -> None:
    """After a while in the queue, before there is a job. Raises `HungUp` and `Draining`: nobody would wait for it."""
    await patience.check_connected(call)
    if call.state["waiters"].draining:
        raise Draining("The server is going down; nothing was made of this request")


async def _placed(call: Call, stay: _Stay, claim: StagedImage, order: _Order, owed: Job | None) -> _Taken | Response:
    waiters = call.state["waiters"]
    crowded = waiters.is_full if order.wait_s else None
    waits = order.wait_s > 0 and not crowded
    # The place is taken before the request is out: the end can't be missed, and needs no look to begin with.
    job_id = owed.job_id if owed else claim.request.job_id
    stay.place = place = waiters.register(job_id, stays=waits)
    try:
        job = await _job_for(call, claim, order, owed)
    except SubmitUncertain as error:
        repeatable = await _left(call, order, job_id)
        return error_response(error, status_url=status_url(call, error.job_id), repeatable=repeatable)
    seen = None if waits and not job.has_ended else job
    return _Taken(order, place, crowded, job.job_id, job.charged, seen)


async def _read(call: Call, body: bytes) -> tuple[StagedImage, _Order]:
    """What is asked for, and how. The image is stored, and the request has the id under which its job is stored."""
    settings, desk, caller = call.state["settings"], call.state["desk"], caller_of(call)
    preferences = preferences_of(call.headers, at_most_s=settings.wait_s)
    wait_s = settings.wait_s if preferences.wait_s is None else preferences.wait_s
    if preferences.respond_async and preferences.wait_s is None:
        wait_s = 0
    request, keyed = await video_request(body, job_id_of_key(call.headers))
    if caller is not None and keyed:  # an id that was made just now is unique as it is
        request = request.model_copy(update={"job_id": await place_of(desk, request.job_id, caller)})
    owner = ImageOwner(caller, desk.jobs) if caller is not None else None
    claim = await store_image(await stage_image(request, desk.videos, owner=owner), desk.videos)
    return claim, _Order(
        caller=caller,
        fingerprints=claim.fingerprints,
        keyed=keyed,
        may_return=(not keyed or preferences.reattach) and settings.reattach_s > 0,
        preferences=preferences,
        wait_s=wait_s,
    )


async def _owed(call: Call, claim: StagedImage, order: _Order, stay: _Stay, turn: Slot) -> Job | None:
    """The job whose answer an identical call of this caller went without."""
    stay.twin = call.state["twins"].join(order.asked)
    if stay.twin.should_wait:
        turn.release()
        await stay.twin.wait_briefly()
    desk = call.state["desk"]
    if order.keyed and await desk.jobs.get(claim.request.job_id):
        return None  # a repetition of this very call: the job of its id is its own
    owed = await coalescing.find_unanswered(desk, order.fingerprints, order.caller)
    if owed:
        await undo_reference(claim.request, owed, desk.jobs, desk.videos, desk.clock.now())
    return owed


async def _job_for(call: Call, claim: StagedImage, order: _Order, owed: Job | None) -> Job:
    desk = call.state["desk"]
    if owed:
        job = await find(desk, owed.job_id)  # it may have ended before the place was taken
        with suppress(Unavailable):  # then `reconcile` publishes its request
            job = await publish_if_due(desk, job)
        return job
    return await submit_claim(desk, claim, traceparent=traceparent_of(call), caller=order.caller)


async def _answer(call: Call, taken: _Taken) -> Response:
    """What becomes of the call. Whatever keeps the answer from the caller, it may come back for it."""
    job_id = taken.job_id
    try:
        job = taken.seen or await _waited(call, taken)
        return await (_ended(call, taken.order, job) if job and job.has_ended else _unfinished(call, taken, job))
    except patience.ClientDisconnected:
        await _left(call, taken.order, job_id)
        logger.info("caller hung up", extra={"action": "wait_hung_up", "job_id": job_id})
        return Response(status_code=GONE)
    except (Draining, Unavailable) as error:
        video_id, repeatable = taken.order.shown(job_id), await _left(call, taken.order, job_id)
        where = status_url(call, video_id)
        return error_response(error, video_id=video_id, status_url=where, charged=taken.charged, repeatable=repeatable)
    except BaseException:
        await _left(call, taken.order, job_id)
        raise


async def _waited(call: Call, taken: _Taken) -> Job | None:
    """The job when it has ended, or when the wait is over; None where the store is out of reach just then."""
    end = await taken.place.end(taken.order.wait_s, partial(patience.wait_for_disconnect, call), look=False)
    await patience.check_connected(call)
    return end or await call.state["waiters"].reload(taken.job_id)


async def _unfinished(call: Call, taken: _Taken, job: Job | None) -> Response:
    order, desk = taken.order, call.state["desk"]
    if order.preferences.is_given:
        job = job or await find(desk, taken.job_id)
        return accepted_response(
            call, await view(desk, job, caller=order.caller), order.preferences.applied_headers(async_too=True)
        )
    if taken.crowded:
        raise taken.crowded
    repeatable = await _left(call, order, taken.job_id, seen=job)
    logger.info("wait is over", extra={"action": "wait_over", "job_id": taken.job_id})
    return timeout_response(
        call, order.shown(taken.job_id), job.charged if job else taken.charged, repeatable=repeatable
    )


async def _ended(call: Call, order: _Order, job: Job) -> Response:
    desk = call.state["desk"]
    if job.erased_at:
        raise gone_error(job, caller=order.caller)
    seen = await view(desk, job, caller=order.caller)
    headers = order.preferences.applied_headers(async_too=False)
    if job.state is not JobState.SUCCEEDED:
        return failure_response(call, seen, headers)
    await coalescing.clear_unanswered(desk, job)
    return video_response(seen, headers)


async def _left(call: Call, order: _Order, job_id: str, *, seen: Job | None = None) -> bool:
    """Whether the caller's next identical call comes back to this job, and makes no second one."""
    if not order.may_return:
        return order.keyed
    noted = await coalescing.mark_unanswered(call.state["desk"], job_id, call.state["settings"].reattach_s, seen=seen)
    if noted:
        call.state["twins"].mark_promised(order.asked)
    return noted or order.keyed
