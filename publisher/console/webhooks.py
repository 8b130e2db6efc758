"""Deliveries of webhooks with their attempts: a page of all, the part of a job's page, and their replay."""

from starlette.responses import RedirectResponse, Response

from publisher.access import Access
from publisher.console.rendering import console_of, render
from publisher.context import PublisherContext
from publisher.facade.call import Call
from publisher.facade.middleware import access_of
from publisher.webhook_endpoints import enable_endpoint, list_disabled
from publisher.webhooks import (
    UNDELIVERED,
    DeliveryView,
    list_deliveries,
    parse_state,
    replay_delivery,
    to_delivery_view,
)
from schemas.domain.delivery import DeliveryState
from schemas.domain.film import Film
from schemas.domain.job import Job
from schemas.ports import DeliveryQuery

_OF_A_JOB_AT_MOST = 50
_ON_A_PAGE = 50
FAILED_AT_MOST = 50
"""How many failed deliveries the page Trouble shows, and as many that were refused for good."""
ERRORS = {
    "status": "the receiver answered with an error",
    "redirect": "the receiver answered with a redirect, which is never followed",
    "timeout": "no answer in time",
    "connect": "no connection",
    "tls": "no TLS connection that can be trusted",
    "name": "the name has no address",
    "protocol": "the answer was no HTTP",
    "refused_address": "the address is not public",
}
"""The error words of attempts, for people."""


async def deliveries_of(ctx: PublisherContext, access: Access, job: Job) -> list[DeliveryView]:
    """Return the deliveries of a job, the newest first."""
    if ctx.deliveries is None:
        return []
    query = DeliveryQuery(job_id=job.job_id, caller=access.jobs_of, limit=_OF_A_JOB_AT_MOST)
    return (await list_deliveries(ctx, query, shown_to=access.jobs_of)).deliveries


async def deliveries_of_film(ctx: PublisherContext, access: Access, film: Film) -> list[DeliveryView]:
    """Return the newest deliveries of a film, the newest first."""
    if ctx.deliveries is None:
        return []
    query = DeliveryQuery(film_id=film.film_id, caller=access.jobs_of, limit=_OF_A_JOB_AT_MOST)
    return (await list_deliveries(ctx, query, shown_to=access.jobs_of)).deliveries


async def find_failed(ctx: PublisherContext) -> list[DeliveryView]:
    """Return the newest deliveries that no attempt brings any more, the failed ones first."""
    if ctx.deliveries is None:
        return []
    found: list[DeliveryView] = []
    for state in UNDELIVERED:
        query = DeliveryQuery(state=state, limit=FAILED_AT_MOST)
        found += (await list_deliveries(ctx, query, shown_to=None)).deliveries
    return found


async def show_deliveries(call: Call) -> Response:
    """Show all deliveries that the visitor may see, the newest first. Raises `Invalid`."""
    ctx, access, asked = call.state["ctx"], access_of(call), call.query_params
    access.check("read", "operate")
    state = parse_state(asked.get("state") or None)
    query = DeliveryQuery(
        state=state,
        caller=access.jobs_of,
        limit=_ON_A_PAGE,
        cursor=asked.get("cursor") or None,
    )
    found = await list_deliveries(ctx, query, shown_to=access.jobs_of)
    return await render(
        call,
        "deliveries.html",
        deliveries=found.deliveries,
        next_cursor=found.next_cursor,
        state=state,
        states=list(DeliveryState),
        errors=ERRORS,
        may_replay=may_replay(access),
        disabled_endpoints=(await list_disabled(ctx)).endpoints if access.is_operator else [],
    )


async def replay_webhook(call: Call) -> Response:
    """Post the event of a delivery again, and go back to its job or film.

    Raises `NotFound`, and `Gone` after an erasure.
    """
    ctx, access = call.state["ctx"], access_of(call)
    access.check("submit", "operate")
    replayed = await replay_delivery(ctx, call.path_params["delivery_id"], jobs_of=access.jobs_of)
    view = to_delivery_view(replayed, shown_to=access.jobs_of)
    page = f"/films/{view.film_id}" if view.film_id else f"/jobs/{view.video_id}"
    return RedirectResponse(console_of(call).url(page) + "#webhooks", status_code=303)


async def enable(call: Call) -> Response:
    """Let an endpoint have events again, and show the deliveries that it missed. Raises `NotFound`."""
    access_of(call).check("operate")
    await enable_endpoint(call.state["ctx"], call.path_params["endpoint"])
    return RedirectResponse(console_of(call).url("/webhooks", state=str(DeliveryState.DISABLED)), status_code=303)


def may_replay(access: Access) -> bool:
    """Return whether the visitor may post events again."""
    return "submit" in access.scopes or access.is_operator
