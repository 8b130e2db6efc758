"""What a visitor does to a job: cancel, replay, resolve a doubtful submit, erase.

What spends money says how much, and asks once, on a page of its own. What spends nothing does not ask. Erasing asks
too, since it destroys what was paid for. Each answer is a redirect: a reload repeats nothing.
"""

import asyncio

from starlette.responses import RedirectResponse, Response

from publisher.access import find_for, view_for
from publisher.console.forms import amount_of, number_of, read_form
from publisher.console.rendering import console_of, render
from publisher.dead_letters import total_of
from publisher.facade.call import Call
from publisher.facade.errors import public_view
from publisher.facade.middleware import access_of, traceparent_of
from publisher.jobs import cancel
from publisher.purge import purge
from publisher.replays import PaymentRequired, quote, replay_paid, resolve_paid
from publisher.resolve import Decision, evidence, payments_of_resubmit
from schemas.domain.job import Job
from schemas.errors import Invalid


async def cancel_job(call: Call) -> Response:
    """Cancel the job. Raises `NotFound`."""
    access_of(call).check("submit", "operate")
    job = await _find_job(call)
    await cancel(call.state["ctx"], job.job_id, traceparent=traceparent_of(call))
    return _back_to_job(call)


async def show_replay(call: Call) -> Response:
    """Ask whether to pay for a replay. Raises `NotFound`."""
    access_of(call).check("submit", "operate")
    job = await _find_job(call)
    found = await asyncio.to_thread(quote, call.state["ctx"], job)
    view = public_view(await view_for(call.state["ctx"], access_of(call), job))
    return await render(call, "replay.html", view=view, quote=found)


async def replay_job(call: Call) -> Response:
    """Replay the job for the price that the visitor agreed to; ask again if it is another one. Raises `NotFound`."""
    access_of(call).check("submit", "operate")
    form, job = await read_form(call), await _find_job(call)
    life, pay = number_of(form, "life"), amount_of(form, "pay")
    try:
        await replay_paid(call.state["ctx"], job, life=life, pay=pay, traceparent=traceparent_of(call))
    except PaymentRequired:
        return RedirectResponse(_job_url(call, "/replay"), status_code=303)
    return _back_to_job(call)


async def show_resolve(call: Call) -> Response:
    """Show the evidence of doubtful submits. Raises `NotFound`, and `Invalid` if none is in doubt."""
    access_of(call).check("operate")
    job = await _find_job(call)
    ctx = call.state["ctx"]
    known = await evidence(ctx, job.job_id)
    prices = [total_of(payments_of_resubmit(ctx, job, doubt, ctx.planner)) for doubt in known.doubts]
    return await render(call, "resolve.html", video_id=call.path_params["video_id"], evidence=known, prices=prices)


async def resolve_job(call: Call) -> Response:
    """Apply a decision. Raises `NotFound`, and `Invalid` for a clip that is not in doubt any more."""
    access_of(call).check("operate")
    form, job = await read_form(call), await _find_job(call)
    clip, attempt, pay = number_of(form, "clip"), number_of(form, "attempt"), amount_of(form, "pay")
    if clip is None or attempt is None or form.text("decision") not in list(Decision):
        raise Invalid(f"clip, attempt and a decision ({', '.join(Decision)}) must be given", field="decision")
    try:
        await resolve_paid(call.state["ctx"], job, Decision(form.text("decision")), clip=clip, attempt=attempt, pay=pay)
    except PaymentRequired:
        return RedirectResponse(_job_url(call, "/resolve"), status_code=303)
    return _back_to_job(call)


async def show_erase(call: Call) -> Response:
    """Ask whether to erase the job, and say what was paid for it. Raises `NotFound`."""
    access_of(call).check("operate")
    job = await _find_job(call)
    trial = await purge(call.state["ctx"], [job.job_id], dry_run=True)
    view = public_view(await view_for(call.state["ctx"], access_of(call), job))
    return await render(call, "erase.html", view=view, why_not=next((kept.reason for kept in trial.kept), ""))


async def erase_job(call: Call) -> Response:
    """Erase the job. Raises `NotFound`, and `Invalid` if it can't be erased yet."""
    access_of(call).check("operate")
    job = await _find_job(call)
    done = await purge(call.state["ctx"], [job.job_id])
    if done.kept:
        raise Invalid(done.kept[0].reason, field="job_id")
    return _back_to_job(call)


async def _find_job(call: Call) -> Job:
    return await find_for(call.state["ctx"], access_of(call), call.path_params["video_id"])


def _job_url(call: Call, page: str = "") -> str:
    return console_of(call).url(f"/jobs/{call.path_params['video_id']}{page}")


def _back_to_job(call: Call) -> Response:
    return RedirectResponse(_job_url(call), status_code=303)
