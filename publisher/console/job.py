"""The page of one job: the player, the state and why it waits, the timeline with each clip, and what to do."""

import asyncio
import json
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from typing import Any

from starlette.responses import Response

from publisher.access import Access, find_for, page_for
from publisher.console.live import digest_of_page, open_stream
from publisher.console.rendering import digest_of, render, render_part
from publisher.console.webhooks import ERRORS, deliveries_of
from publisher.context import outline, with_checks
from publisher.facade.call import Call
from publisher.facade.errors import public_view
from publisher.facade.middleware import access_of
from publisher.facade.watched_jobs import WatchedJob
from publisher.replays import Quote, quote
from publisher.resolve import list_unresolved_clips
from schemas.domain.job import Job
from schemas.domain.projections import JobView
from schemas.domain.states import JobState
from schemas.errors import Invalid, Unavailable
from schemas.wire.request import VideoRequest
from schemas.wire.webhook_address import mask_url

WHY_IT_WAITS: Mapping[str, str] = {
    "turn": "It waits for its turn: other jobs, of this caller or of others, go first.",
    "batch": "It waits for its turn in the batch lane: interactive jobs go first.",
    "quota": "The model's quota is used up for the moment. A worker sends the clip later; the refusal was not charged.",
    "capacity": "The model has too much to do. A worker sends the clip later; the refusal was not charged.",
    "upstream": "The model did not accept the clip. A worker sends it again.",
    "auth": "The model refused the worker's credentials. A worker sends the clip again; an operator must look at them.",
    "submit_outcome": "It is unknown whether the model accepted a clip. A worker searches for its file.",
    "storage": "A clip's file can't be found yet. A worker looks for it again.",
    "local_disk": "The worker's disk is full.",
    "newer_worker": "The request needs a worker of a newer version.",
}


def parts_of(view: JobView, access: Access) -> dict[str, str]:
    """Return the key of each part of the page, by the id of its element."""
    state = (view.state, view.life, view.cancel_requested)
    return {
        "job-state": digest_of(
            *state,
            view.progress,
            view.queue_position,
            view.waiting_for,
            view.notice,
            view.error,
            view.defect,
            view.checks and view.checks.summary,
            view.evaluation and view.evaluation.summary,
            view.fallback,
        ),
        "job-screen": digest_of(view.gcs_path, view.erased_at, *(() if view.gcs_path else (*state, view.progress))),
        "job-ledger": digest_of(view.history, view.clips, view.evaluations, view.charged, view.cost_usd),
        "job-actions": digest_of(*state, view.charged, view.cost_usd, view.erased_at, access.scopes),
        "announce": digest_of(view.state, view.life) if view.state.ended else "",
    }


async def show_job(call: Call) -> Response:
    """Show the job. Raises `NotFound`, also for another caller's job."""
    ctx, access = call.state["ctx"], access_of(call)
    access.check("read", "operate")
    job = await find_for(ctx, access, call.path_params["video_id"])
    view = public_view(await page_for(ctx, access, job))
    body = request_as_json(job.request, view.video_id)
    return await render(
        call,
        "job.html",
        digest=digest_of_page(parts_of(view, access)),
        body=body,
        deliveries=await deliveries_of(ctx, access, job),
        webhook_errors=ERRORS,
        **await context_of(call, job, view),
    )


async def stream_job(call: Call) -> Response:
    """Stream the changes of the job. Raises `NotFound` and `TooManyWaiters`."""
    ctx, access = call.state["ctx"], access_of(call)
    access.check("read", "operate")
    job = await find_for(ctx, access, call.path_params["video_id"])
    with ExitStack() as stack:
        waiter = stack.enter_context(call.state["waiters"].register(job.job_id))
        watched = stack.enter_context(call.state["watched_jobs"].watch(job))
        return open_stream(call, _LiveJob(call, watched, job), waiter, stack.pop_all())


def request_as_json(request: VideoRequest, video_id: str) -> str:
    """Return the request as its caller sent it, without long images and the token in a webhook's address."""
    body = {**request.body(), "job_id": video_id}
    body |= {name: _shorten(body[name]) for name in ("reference_image", "last_image") if name in body}
    if images := body.get("reference_images"):
        body["reference_images"] = [_shorten(image) for image in images]
    if request.webhook:
        body["webhook"]["url"] = mask_url(request.webhook.url)
    return json.dumps(body, indent=2, ensure_ascii=False)


def _shorten(image: str) -> str:
    return f"{image[:40]}… ({len(image):,} characters)" if image.startswith("data:") else image


async def context_of(call: Call, job: Job, view: JobView) -> dict[str, Any]:
    """Return what the templates of the page show."""
    access = access_of(call)
    return {
        "view": view,
        "job": job,
        "why": WHY_IT_WAITS.get(view.waiting_for or "", "") if not view.state.ended else "",
        "planned_usd": sum(clip.price_usd for clip in view.clips),
        "expected_s": sum(clip.planned.expected_s for clip in job.clips),
        "has_doubts": bool(list_unresolved_clips(job)),
        "quote": await _quote(call, job),
        "is_operator": access.is_operator,
        "may_submit": "submit" in access.scopes or access.is_operator,
    }


async def _quote(call: Call, job: Job) -> Quote | None:
    """Return what a replay would pay; None for a job that can't be replayed."""
    if not job.ended or job.erased_at or job.state is JobState.SUCCEEDED:
        return None
    try:
        found = await asyncio.to_thread(quote, call.state["ctx"], job)
    except (Invalid, Unavailable):
        return None
    return found if found.may_replay else None


class _LiveJob:
    """The page for one stream."""

    def __init__(self, call: Call, watched: WatchedJob, job: Job) -> None:
        self._call = call
        self._watched = watched
        self._job = job
        self._context: dict[str, Any] = {}
        self.pause_s = call.state["settings"].events_look_every_s

    @property
    def ended(self) -> bool:
        return self._job.ended

    async def look(self, news_at: float | None) -> Mapping[str, str]:
        access = access_of(self._call)
        self._job, position = await self._watched.look(news_at)
        seen = await outline(self._call.state["ctx"], self._job, caller=access.jobs_of, queue_position=position)
        view = public_view(await with_checks(self._call.state["ctx"], self._job, seen))
        self._context = await context_of(self._call, self._job, view)
        return parts_of(view, access)

    def render(self, changed: Collection[str], *, is_first: bool) -> str:
        del is_first
        names = {name: name.replace("-", "_") + ".html" for name in changed}
        return "\n".join(render_part(self._call, template, live=True, **self._context) for template in names.values())
