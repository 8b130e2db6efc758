"""`POST /v1/videos`: accepts a request, and answers with its job at once."""

from datetime import datetime

from starlette.responses import Response

from publisher.access import view_for
from publisher.context import place_of
from publisher.facade.call import Call, check_connected
from publisher.facade.middleware import access_of, caller_of, traceparent_of
from publisher.facade.openai_videos.body import read_request, rename_field
from publisher.facade.openai_videos.repeats import KeylessCall, attempt_of, is_counted
from publisher.facade.openai_videos.video import poll_after_ms, to_video
from publisher.facade.request_body import Upload
from publisher.facade.request_headers import job_id_of_key, resolve_job_id
from publisher.facade.responses import json_response
from publisher.submit import submit_staged
from publisher.waiting import Draining
from schemas.domain.job import Job
from schemas.errors import Invalid
from schemas.services.reference_images import ImageOwner, stage_image
from schemas.wire.request import VideoRequest


async def create(call: Call) -> Response:
    """Answer with the job of this call, which may be a call that the client sends again."""
    access_of(call).check("submit")
    return await video_answer(call, await _find_or_create(call))


async def video_answer(call: Call, job: Job) -> Response:
    """Return the answer with this job, which says when to ask again."""
    ctx, settings = call.state["ctx"], call.state["settings"]
    view = await view_for(ctx, access_of(call), job)
    headers = {} if job.ended else {"openai-poll-after-ms": str(poll_after_ms(job, ctx.clock.now()))}
    return json_response(to_video(job, view, settings), headers=headers)


async def _find_or_create(call: Call) -> Job:
    state, ctx = call.state, call.state["ctx"]
    arrived_at = ctx.clock.now()
    with Upload(state["uploads"]) as upload:
        body = await upload.read(call)
        with await state["admission"].acquire() as slot:
            if slot.queued:
                await check_connected(call)
                if state["waiters"].draining:
                    raise Draining("The server is stopping; no job was made of this request")
            request = await read_request(call.headers, body, state["settings"].openai_models)
            del body
            try:
                return await _submit(call, request, arrived_at)
            except Invalid as error:
                raise rename_field(error) from error


async def _submit(call: Call, request: VideoRequest, arrived_at: datetime) -> Job:
    """Return the job that the `Idempotency-Key` names, as a generate call does; without one, the job of this call."""
    ctx, caller, traceparent = call.state["ctx"], caller_of(call), traceparent_of(call)
    owner = ImageOwner(caller, ctx.jobs) if caller is not None else None
    keyed = job_id_of_key(call.headers)
    if keyed is not None:
        resolve_job_id(keyed, None)  # it refuses the ids that are no ids in paths
        job_id = keyed if caller is None else await place_of(ctx, keyed, caller)
        request = request.model_copy(update={"job_id": job_id})
    staged = await stage_image(request, ctx.videos, owner=owner)
    if keyed is not None:
        return await submit_staged(ctx, staged, traceparent=traceparent, caller=caller)
    attempt, counted = attempt_of(call.headers), is_counted(call.headers)
    return await KeylessCall(ctx, staged, caller, attempt, arrived_at, traceparent, counted).find_or_create()
