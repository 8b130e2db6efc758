"""Tells a visitor what is here: a few links, and the OpenAPI document."""

from starlette.responses import JSONResponse, Response

from publisher.facade.openapi import document
from publisher.facade.public_path import public_path
from publisher.facade.state import Call

_LINKS = {
    "generate": "/api/videos/generate",
    "videos": "/api/videos",
    "openapi": "/openapi.json",
    "health": "/api/videos/health",
}


async def root(call: Call) -> Response:
    """Where to go from here."""
    prefix = public_path(call.state["settings"])
    links = {name: prefix + path for name, path in _LINKS.items()}
    return JSONResponse({"service": "video-generation-api", **links})


async def openapi_json(call: Call) -> Response:
    """OpenAPI 3.1."""
    public_url = call.state["settings"].public_url
    servers = {"servers": [{"url": public_url.rstrip("/")}]} if public_url else {}
    return JSONResponse({**document(), **servers})
