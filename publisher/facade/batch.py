"""`POST /api/videos/batch` orders many videos at once, `…/plan` only plans them, and `GET` shows the batch."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.responses import Response

from publisher.access import Access
from publisher.batches.order import BatchUncertain, get_batch, order_batch
from publisher.batches.request import Batch, parse_batch
from publisher.batches.views import BatchPlan, BatchView, plan_batch, view_batch
from publisher.facade.call import Call, check_connected
from publisher.facade.errors import error_response
from publisher.facade.middleware import access_of, traceparent_of
from publisher.facade.request_body import Upload
from publisher.facade.request_headers import batch_id_of
from publisher.facade.responses import RETRY_AFTER_S, json_response
from publisher.facade.routes import check_parameters
from publisher.waiting import Draining
from schemas.domain.job import Job
from schemas.errors import Invalid
from schemas.wire.validation import add_length

_CALLER_AT_MOST = 320
BATCH_ANSWERS = (BatchView, BatchPlan)


def _path(batch_id: str) -> str:
    return f"/api/videos/batch/{batch_id}"


async def order(call: Call) -> Response:
    """Order the batch in the body, and answer with its jobs at once: 202, or 200 if all of them have ended."""
    access, ctx = access_of(call), call.state["ctx"]
    access.check("submit")
    try:
        async with _read_batch(call) as batch:
            jobs = await order_batch(ctx, batch, access.caller, traceparent=traceparent_of(call))
            return await _answer(call, batch.batch_id, jobs, access)
    except BatchUncertain as error:
        return error_response(error, status_url=call.state["settings"].facade_url + _path(error.batch_id))


async def plan(call: Call) -> Response:
    """Answer with the plan of the batch in the body. Nothing is written."""
    access = access_of(call)
    access.check("submit")
    async with _read_batch(call) as batch:
        return json_response(await plan_batch(call.state["ctx"], batch, access))


async def show(call: Call) -> Response:
    """Answer with the batch and its jobs. An operator may name the `caller` that owns it."""
    access, ctx, batch_id = access_of(call), call.state["ctx"], call.path_params["batch_id"]
    access.check("read", "operate")
    check_parameters(call, ("caller",))
    owner = access.caller
    if "caller" in call.query_params:
        access.check("operate")
        owner = call.query_params["caller"]
        if not 1 <= len(owner) <= _CALLER_AT_MOST or not owner.isprintable():
            words = add_length(f"must have 1 to {_CALLER_AT_MOST} characters that can be printed", owner)
            raise Invalid(f"caller {words}", field="caller")
    return json_response(await view_batch(ctx, batch_id, await get_batch(ctx, batch_id, owner), access))


@asynccontextmanager
async def _read_batch(call: Call) -> AsyncIterator[Batch]:
    """Read the body, and hold its room and a slot until the context ends, as a generate call does."""
    state = call.state
    with Upload(state["uploads"]) as upload:
        body = await upload.read(call)
        with await state["admission"].acquire() as slot:
            if slot.queued:
                await check_connected(call)
            if state["waiters"].draining:
                raise Draining("The server is stopping; no job was made of this batch")
            batch = await asyncio.to_thread(parse_batch, body, batch_id_of(call.headers))
            del body
            yield batch


async def _answer(call: Call, batch_id: str, jobs: list[Job], access: Access) -> Response:
    view = await view_batch(call.state["ctx"], batch_id, jobs, access)
    if view.ended:
        return json_response(view)
    settings = call.state["settings"]
    location = (settings.facade_url if settings.public_url else "") + _path(batch_id)
    return json_response(view, status=202, headers={"Location": location, "Retry-After": str(RETRY_AFTER_S)})
