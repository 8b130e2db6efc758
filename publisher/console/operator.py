"""The operator's pages: Trouble with one action for each entry, the dead letters, and Health."""

import asyncio
from collections import Counter
from collections.abc import Awaitable

from starlette.responses import RedirectResponse, Response

from publisher.console.forms import amount_of, read_form
from publisher.console.rendering import console_of, render
from publisher.console.webhooks import ERRORS, find_failed
from publisher.context import PublisherContext
from publisher.dead_letters import delete_dead_letter, show_dead_letter
from publisher.facade.call import Call
from publisher.facade.errors import public_outline
from publisher.facade.middleware import access_of
from publisher.health import look_at_health
from publisher.jobs import JobFilter, list_jobs
from publisher.replays import PaymentRequired, quote_dead_letter, replay_dead_letter_paid
from publisher.trouble import find_trouble
from publisher.webhook_endpoints import list_disabled
from schemas.domain.states import JobState
from schemas.errors import ReelbusError

_FAILED_AT_MOST = 200
_ANSWER_WITHIN_S = 2.0


async def show_trouble(call: Call) -> Response:
    """Show what is stuck, and the failures of the newest failed jobs by their reason."""
    access = access_of(call)
    access.check("operate")
    trouble = await find_trouble(call.state["ctx"])
    failed = await list_jobs(
        call.state["ctx"], JobFilter(state=JobState.FAILED, limit=_FAILED_AT_MOST), caller=access.jobs_of
    )
    reasons = Counter((str(view.error.category), view.error.code) for view in failed.videos if view.error)
    return await render(
        call,
        "trouble.html",
        trouble=trouble,
        reasons=reasons.most_common(20),
        failed=len(failed.videos),
        troubled_films=list(map(public_outline, trouble.films)),
        failed_webhooks=await find_failed(call.state["ctx"]),
        webhook_errors=ERRORS,
        disabled_endpoints=(await list_disabled(call.state["ctx"])).endpoints,
    )


async def show_letter(call: Call) -> Response:
    """Show one dead letter, and what a replay of it would pay. Raises `NotFound`."""
    access_of(call).check("operate")
    letter = await show_dead_letter(call.state["ctx"], call.path_params["letter_id"])
    found = await quote_dead_letter(call.state["ctx"], letter)
    body = letter.message.data.decode("utf-8", "replace")
    return await render(call, "letter.html", letter=letter, quote=found, body=body)


async def replay_letter(call: Call) -> Response:
    """Publish a dead letter again, for the price that the operator agreed to. Raises `NotFound`."""
    access_of(call).check("operate")
    form, letter_id = await read_form(call), call.path_params["letter_id"]
    try:
        await replay_dead_letter_paid(call.state["ctx"], letter_id, pay=amount_of(form, "pay"))
    except PaymentRequired:
        return RedirectResponse(console_of(call).url(f"/dead-letters/{letter_id}"), status_code=303)
    return RedirectResponse(console_of(call).url("/trouble"), status_code=303)


async def drop_letter(call: Call) -> Response:
    """Delete a dead letter; its job stays as it is. Raises `NotFound`."""
    access_of(call).check("operate")
    await delete_dead_letter(call.state["ctx"], call.path_params["letter_id"])
    return RedirectResponse(console_of(call).url("/trouble"), status_code=303)


async def show_health(call: Call) -> Response:
    """Show the workers, the queue, the pace of each model, and how fast the stores answer."""
    access_of(call).check("operate")
    ctx = call.state["ctx"]
    latencies = {
        "job store": await _measure_ms(ctx, ctx.jobs.get("health")),
        "video store": await _measure_ms(ctx, ctx.videos.list("health/")),
    }
    return await render(call, "health.html", health=await look_at_health(ctx), latencies=latencies)


async def _measure_ms(ctx: PublisherContext, read: Awaitable[object]) -> float | None:
    """Return how long a small read takes; None if it fails or takes more than 2 s."""
    began = ctx.clock.boot()
    try:
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            await read
    except (TimeoutError, ReelbusError):
        return None
    return (ctx.clock.boot() - began) * 1000
