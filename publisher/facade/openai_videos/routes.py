"""`/v1/videos`: the videos of a caller, one of them, and its deletion."""

from starlette.responses import Response

from publisher.access import find_for
from publisher.context import PublisherContext, outline
from publisher.facade.call import Call
from publisher.facade.middleware import access_of, caller_of, traceparent_of
from publisher.facade.openai_videos.create import create, video_answer
from publisher.facade.openai_videos.repeats import note_received
from publisher.facade.openai_videos.video import OpenAIVideoDeleted, OpenAIVideoList, to_video
from publisher.facade.responses import json_response
from publisher.facade.routes import check_parameters, whole_number
from publisher.jobs import cancel
from publisher.purge import purge
from schemas.domain.job import Job
from schemas.domain.tombstone import to_gone
from schemas.errors import Conflict, Invalid
from schemas.ports import JobQuery
from schemas.services.job_pages import read_pages

LIMIT_MAX = 100
_LIMIT_DEFAULT = 20
_ASCENDING_AT_MOST = 1000
"""The stores list the newest jobs first. The other order needs all of them in memory."""


async def videos(call: Call) -> Response:
    """Create a video, or list videos. Both have one route, so that a 405 names both methods."""
    return await (create if call.method == "POST" else list_videos)(call)


async def video(call: Call) -> Response:
    """Show a video, or delete it."""
    return await (delete if call.method == "DELETE" else show)(call)


async def find_video(call: Call) -> Job:
    """Return the job that the path names. Raises `NotFound` and `Gone`."""
    job = await find_for(call.state["ctx"], access_of(call), call.path_params["video_id"])
    if job.erased_at:
        raise to_gone(job, caller=access_of(call).jobs_of)
    return job


async def show(call: Call) -> Response:
    """Answer with the video, and note that its caller knows it."""
    access_of(call).check("read", "operate")
    job = await find_video(call)
    await note_received(call.state["ctx"], job, caller_of(call))
    return await video_answer(call, job)


async def delete(call: Call) -> Response:
    """Erase the video and its prompt. A job that has not ended is cancelled, and erased if that ended it."""
    ctx, access = call.state["ctx"], access_of(call)
    access.check("submit", "operate")
    job = await find_video(call)
    if not job.ended:
        job = await cancel(ctx, job.job_id, traceparent=traceparent_of(call))
    report = await purge(ctx, [job.job_id])
    if report.kept:
        raise Conflict(f"the video can't be deleted yet: {report.kept[0].reason}")
    return json_response(OpenAIVideoDeleted(id=call.path_params["video_id"]))


async def list_videos(call: Call) -> Response:
    """Answer with a page of videos, the newest first unless `order` is `asc`."""
    access_of(call).check("read", "operate")
    check_parameters(call, frozenset({"after", "limit", "order"}))
    limit = whole_number(call, "limit", 1, LIMIT_MAX, default=_LIMIT_DEFAULT)
    order = call.query_params.get("order", "desc")
    if order not in ("asc", "desc"):
        raise Invalid("order must be asc or desc", field="order")
    ctx, caller, settings = call.state["ctx"], access_of(call).jobs_of, call.state["settings"]
    after_id = call.query_params.get("after")
    after = None if after_id is None else await find_for(ctx, access_of(call), after_id)
    found = await (_newest if order == "desc" else _oldest)(ctx, caller, after, limit + 1)
    shown = [to_video(job, await outline(ctx, job, caller=caller), settings) for job in found[:limit]]
    ids = [each.id for each in shown]
    return json_response(
        OpenAIVideoList(
            data=shown,
            first_id=ids[0] if ids else None,
            last_id=ids[-1] if ids else None,
            has_more=len(found) > limit,
        )
    )


async def _newest(ctx: PublisherContext, caller: str | None, after: Job | None, count: int) -> list[Job]:
    """Return the jobs that follow `after`, the newest first."""
    found: list[Job] = []
    async for page in read_pages(ctx.jobs, JobQuery(caller=caller, after=after, limit=count)):
        found += [job for job in page if not job.erased_at]
        if len(found) >= count:
            break
    return found[:count]


async def _oldest(ctx: PublisherContext, caller: str | None, after: Job | None, count: int) -> list[Job]:
    """Return the jobs that follow `after`, the oldest first. Raises `Invalid` if the caller has too many jobs."""
    whole = await _newest(ctx, caller, None, _ASCENDING_AT_MOST + 1)
    if len(whole) > _ASCENDING_AT_MOST:
        raise Invalid(
            f"order asc lists {_ASCENDING_AT_MOST:,} videos at most, and there are more: use desc", field="order"
        )
    whole.reverse()
    if after is None:
        return whole[:count]
    begin = next((place for place, job in enumerate(whole, 1) if job.job_id == after.job_id), 0)
    return whole[begin:][:count]
