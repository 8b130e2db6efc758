"""The calls about webhooks: deliveries, their replay, a test event, and the secret of a caller."""

from pydantic import BaseModel
from starlette.responses import Response

from publisher.access import find_for
from publisher.facade.call import Call
from publisher.facade.json_body import EraseRequest, WebhookTestRequest, read_body
from publisher.facade.middleware import access_of
from publisher.facade.responses import json_response
from publisher.facade.routes import check_parameters, whole_number
from publisher.films.orders import find_film
from publisher.paging import LIMIT_MAX
from publisher.webhook_endpoints import DisabledEndpoints, EndpointEnabled, enable_endpoint, list_disabled
from publisher.webhooks import (
    DeliveryListing,
    DeliveryView,
    KeySet,
    WebhookSecret,
    WebhookTest,
    list_deliveries,
    list_public_keys,
    parse_state,
    read_secret,
    replay_delivery,
    send_test,
    to_delivery_view,
)
from schemas.errors import Invalid
from schemas.ports import DeliveryQuery

WEBHOOK_ANSWERS: tuple[type[BaseModel], ...] = (
    DeliveryListing,
    DeliveryView,
    DisabledEndpoints,
    EndpointEnabled,
    WebhookTest,
    WebhookSecret,
    KeySet,
)

KEYS_PATH = "/.well-known/jwks.json"
_KEYS_FRESH_S = 300


async def deliveries(call: Call) -> Response:
    """List deliveries with their attempts, the newest first."""
    ctx, access, query = call.state["ctx"], access_of(call), call.query_params
    access.check("read", "operate")
    check_parameters(call, ("state", "job_id", "film_id", "cursor", "limit"))
    state, job_id, film_id = parse_state(query.get("state")), query.get("job_id"), query.get("film_id")
    if job_id is not None and film_id is not None:
        raise Invalid("film_id can't be given with job_id: a delivery is of a job or of a film", field="film_id")
    if job_id is not None:
        job_id = (await find_for(ctx, access, job_id)).job_id
    if film_id is not None:
        film_id = (await find_film(ctx, film_id, access)).film_id
    wanted = DeliveryQuery(
        state=state,
        job_id=job_id,
        film_id=film_id,
        caller=access.jobs_of,
        limit=whole_number(call, "limit", 1, LIMIT_MAX, default=50),
        cursor=query.get("cursor"),
    )
    return json_response(await list_deliveries(ctx, wanted, shown_to=access.jobs_of))


async def replay(call: Call) -> Response:
    """Post the event of a delivery again, from now on, under the same `webhook-id`."""
    ctx, access = call.state["ctx"], access_of(call)
    access.check("submit", "operate")
    await read_body(call, EraseRequest)
    replayed = await replay_delivery(ctx, call.path_params["delivery_id"], jobs_of=access.jobs_of)
    return json_response(to_delivery_view(replayed, shown_to=access.jobs_of), status=202)


async def show_disabled(call: Call) -> Response:
    """List the endpoints of the settings that get no events, since their receiver answered 410."""
    access_of(call).check("operate")
    check_parameters(call, ())
    return json_response(await list_disabled(call.state["ctx"]))


async def enable(call: Call) -> Response:
    """Let an endpoint have events again."""
    access_of(call).check("operate")
    await read_body(call, EraseRequest)
    return json_response(await enable_endpoint(call.state["ctx"], call.path_params["endpoint"]))


async def test(call: Call) -> Response:
    """Post a test event to an address, and say how it was answered."""
    access = access_of(call)
    access.check("submit", "operate")
    wanted = await read_body(call, WebhookTestRequest)
    return json_response(await send_test(call.state["ctx"], wanted.url, caller=access.caller))


async def secret(call: Call) -> Response:
    """Show the caller's own secret, or to an operator that of an endpoint of the settings."""
    access, endpoint = access_of(call), call.query_params.get("endpoint")
    access.check("submit", "operate")
    if endpoint is not None:
        access.check("operate")
    answer = json_response(await read_secret(call.state["ctx"], caller=access.caller, endpoint=endpoint))
    answer.headers["Cache-Control"] = "no-store"
    return answer


async def public_keys(call: Call) -> Response:
    """Show the public keys that sign events, to anyone: a receiver fetches them without a key of its own."""
    answer = json_response(list_public_keys(call.state["ctx"]))
    answer.headers["Cache-Control"] = f"public, max-age={_KEYS_FRESH_S}"
    return answer
