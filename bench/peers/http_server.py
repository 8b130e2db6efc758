"""The HTTP side of every peer: one route with the facade's request model and an answer of the same size."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from schemas.wire.request import VideoRequest

Generate = Callable[[VideoRequest], Awaitable[dict[str, Any]]]
"""Runs a job to its end and returns what `steps.finish` returned. Raises `RuntimeError` if the job failed."""
Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


def build_app(generate: Generate, lifespan: Lifespan) -> Starlette:
    """Return an application with the one route that the benchmark calls."""

    async def on_request(request: Request) -> Response:
        wanted = VideoRequest.model_validate_json(await request.body())
        try:
            made = await generate(wanted)
        except RuntimeError as error:
            return JSONResponse({"success": False, "detail": str(error)}, status_code=500)
        about = {"prompt": wanted.prompt, "quality": wanted.quality, "video_id": wanted.job_id}
        url = f"http://localhost/videos/{made['gcs_path']}"
        return JSONResponse({"success": True, "video_url": url, **about, **made})

    return Starlette(routes=[Route("/api/videos/generate", on_request, methods=["POST"])], lifespan=lifespan)
