"""Jobs (`GET` shows one, `DELETE` cancels it, `GET /api/videos` lists them), and the health probes."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial

from starlette.responses import JSONResponse, Response

from publisher.access import find_for, page_for, view_for
from publisher.facade.call import Call, ClientDisconnected, wait_for_disconnect
from publisher.facade.errors import GONE, error_response
from publisher.facade.middleware import access_of, traceparent_of
from publisher.facade.responses import json_response, status_url
from publisher.jobs import JobFilter, cancel, list_jobs
from publisher.paging import LIMIT_MAX
from publisher.settings import WAIT_AT_MOST_S
from publisher.waiting import Draining, TooManyWaiters
from schemas.errors import Invalid, Moved, Unavailable
from schemas.ports import WORKERS

_FILTERS = frozenset({"q", "state", "project_id", "model", "label", "caller", "cursor", "limit"})


async def one(call: Call) -> Response:
    """Show a job, or cancel it. Both have one route, so that a 405 names both methods."""
    return await (delete if call.method == "DELETE" else show)(call)


async def show(call: Call) -> Response:
    """Answer with the job. With `wait=N`, wait N seconds at most for its end, or less if the settings say so."""
    video_id, access = call.path_params["video_id"], access_of(call)
    access.check("read", "operate")
    wait_s = min(whole_number(call, "wait", 0, WAIT_AT_MOST_S), call.state["settings"].wait_s)
    if wait_s:
        job_id = video_id
        if access.caller is not None:  # a caller may only wait for its own jobs
            job_id = (await find_for(call.state["ctx"], access, video_id)).job_id
        try:
            await call.state["waiters"].until_ended(job_id, wait_s, partial(wait_for_disconnect, call))
        except ClientDisconnected:
            return Response(status_code=GONE)
        except (Draining, TooManyWaiters) as error:
            return error_response(error, video_id=video_id, status_url=status_url(call, video_id))
    ctx = call.state["ctx"]
    return json_response(await page_for(ctx, access, await find_for(ctx, access, video_id)))


async def delete(call: Call) -> Response:
    """Cancel the job. A job that has ended stays as it is."""
    ctx, access = call.state["ctx"], access_of(call)
    access.check("submit", "operate")
    job = await find_for(ctx, access, call.path_params["video_id"])
    return json_response(await view_for(ctx, access, await cancel(ctx, job.job_id, traceparent=traceparent_of(call))))


async def list_all(call: Call) -> Response:
    """Answer with a page of jobs, the newest first."""
    access, query = access_of(call), call.query_params
    access.check("read", "operate")
    check_parameters(call, _FILTERS)
    if "caller" in query:
        access.check("operate")
    named = {name: query.get(name) for name in ("q", "state", "project_id", "model", "label", "cursor")}
    limit = whole_number(call, "limit", 1, LIMIT_MAX, default=50)
    wanted = JobFilter(**named, jobs_of=query.get("caller"), limit=limit)
    return json_response(await list_jobs(call.state["ctx"], wanted, caller=access.jobs_of))


def check_parameters(call: Call, known: Collection[str]) -> None:
    """Raise `Invalid` for a parameter that this call does not have."""
    for name in call.query_params:
        if name not in known:
            raise Invalid(f"{name or '(an empty name)'} is not a known parameter", field=name or "(an empty name)")


_SHOWN_AT_MOST = 40


def whole_number(call: Call, name: str, lowest: int, highest: int, *, default: int = 0) -> int:
    """Return a number of the query. Raises `Invalid`."""
    given = call.query_params.get(name)
    if given is None:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", given) or not lowest <= int(given) <= highest:
        words = f"{name} must be a whole number from {lowest} to {highest}, not {given[:_SHOWN_AT_MOST]!r}"
        raise Invalid(words, field=name)
    return int(given)


_LOOK_AT_MOST_S = 2.0


async def health(_: Call) -> Response:
    """Answer as the old backend did."""
    return JSONResponse({"status": "healthy", "service": "video-generation-api"})


async def livez(_: Call) -> Response:
    """Answer 200: the process runs."""
    return JSONResponse({"status": "alive"})


async def readyz(call: Call) -> Response:
    """Answer 200 if store and bus answer, completions are received, the disk has room, and the process goes on."""
    if call.state["waiters"].draining:
        return JSONResponse({"status": "draining"}, status_code=503)
    if missing := await _find_missing(call):
        return missing
    # Without a worker the facade is still ready: it accepts jobs, and they wait.
    workers = call.state["ctx"].workers
    silence = await workers.silence() if workers else None
    notice = {"notice": silence.words} if silence and not silence.is_fresh else {}
    return JSONResponse({"status": "ready", **notice})


async def _find_missing(call: Call) -> Response | None:
    ctx = call.state["ctx"]
    looks: Mapping[str, Callable[[], Awaitable[object]]] = {
        "jobs": lambda: ctx.jobs.get("readyz"),
        "bus": lambda: ctx.bus.check(WORKERS),
        "disk": call.state["check_disk"],
    }
    for name, look in looks.items():
        try:
            async with asyncio.timeout(_LOOK_AT_MOST_S):
                await look()
        except Moved as error:
            return _unavailable("data", reason=str(error))
        except (TimeoutError, Unavailable) as error:
            return _unavailable(name, reason=str(error)) if name == "disk" and str(error) else _unavailable(name)
    return None if call.state["waiters"].is_listening else _unavailable("completions")


def _unavailable(missing: str, **more: str) -> Response:
    body = {"status": "unavailable", "missing": missing, **more}
    return JSONResponse(body, status_code=503, headers={"Retry-After": "5"})
