"""Tells a visitor what is here: a few links, and the OpenAPI document."""

from starlette.responses import JSONResponse, Response

from publisher.facade.openapi import document
from publisher.facade.state import Call


async def root(_: Call) -> Response:
    """Where to go from here."""
    links = {"generate": "/api/videos/generate", "videos": "/api/videos", "openapi": "/openapi.json"}
    return JSONResponse({"service": "video-generation-api", **links, "health": "/api/videos/health"})


async def openapi_json(_: Call) -> Response:
    """OpenAPI 3.1."""
    return JSONResponse(document())
