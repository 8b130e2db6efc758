"""Tells callers and orchestrators whether the facade lives and can work."""

import asyncio

from starlette.responses import JSONResponse, Response

from publisher.facade.state import Call
from publisher.worker_watch import Silence
from schemas.errors import Moved, Unavailable

_LOOK_AT_MOST_S = 2.0


async def health(_: Call) -> Response:
    """Exactly what callers have always got."""
    return JSONResponse({"status": "healthy", "service": "video-generation-api"})


async def livez(_: Call) -> Response:
    """The process answers."""
    return JSONResponse({"status": "alive"})


async def readyz(call: Call) -> Response:
    """The job store answers, completions come in, the disk has room, and the process was not asked to leave."""
    if call.state["waiters"].draining:
        return JSONResponse({"status": "draining"}, status_code=503)
    missing = None if call.state["waiters"].listening else "completions"
    try:
        async with asyncio.timeout(_LOOK_AT_MOST_S):
            await call.state["desk"].jobs.get("readyz")
    except Moved as error:
        return _unavailable("data", reason=str(error))
    except (TimeoutError, Unavailable):
        missing = "jobs"
    if not missing:
        try:
            async with asyncio.timeout(_LOOK_AT_MOST_S):
                await call.state["check_disk"]()
        except Unavailable as error:
            return _unavailable("disk", reason=str(error))
        except TimeoutError:
            missing = "disk"
    if missing:
        return _unavailable(missing)
    silence = await _silence(call)
    return JSONResponse({"status": "ready", **({"notice": silence.words} if silence else {})})


async def _silence(call: Call) -> Silence | None:
    """No worker is no reason to send callers elsewhere: the facade takes jobs in, and they wait."""
    workers = call.state["desk"].workers
    silence = await workers.silence() if workers else None
    return silence if silence and not silence.is_fresh else None


def _unavailable(missing: str, **more: str) -> Response:
    body = {"status": "unavailable", "missing": missing, **more}
    return JSONResponse(body, status_code=503, headers={"Retry-After": "5"})
