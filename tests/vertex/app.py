"""The doors of the wire-level Vertex AI: those that Google has, and four for whoever writes the script."""

import asyncio
import json
import socket
import struct
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.vertex import omni_rules, veo_rules
from tests.vertex.answers import error_body, interaction, veo_operation
from tests.vertex.script import Step
from tests.vertex.strict import Refused, keys
from tests.vertex.studio import Studio
from tests.vertex.work import Work

_PLACE = "/{version:str}/projects/{project:str}/locations/{location:str}"
_MODEL = _PLACE + "/publishers/google/models/{model:str}"


def app_over(studio: Studio) -> Starlette:
    """The application."""
    routes = [
        Route(_MODEL + ":predictLongRunning", _predict, methods=["POST"]),
        Route(_MODEL + ":fetchPredictOperation", _fetch, methods=["POST"]),
        Route(_PLACE + "/interactions", _interact, methods=["POST"]),
        Route(_PLACE + "/interactions/{id:str}", _interaction, methods=["GET"]),
        Route("/{version:str}/publishers/google/models/{model:str}", _card, methods=["GET"]),
        Route("/_script", _script, methods=["POST", "DELETE"]),
        Route("/_accepted", _books, methods=["GET"]),
        Route("/_retired", _retire, methods=["POST"]),
        Route("/_release", _release, methods=["POST"]),
    ]
    # Anything else, and a GET where Google wants a POST, is a 404 of Google's.
    missing = {404: _missing, 405: _missing}
    app = Starlette(routes=routes, exception_handlers={Refused: _refused, **missing})
    app.state.studio = studio
    return app


async def _predict(request: Request) -> Response:
    studio, model = _studio(request), request.path_params["model"]
    body = await _arrived(request, studio)
    _check_model(studio, model, veo_rules.MODELS)
    name = f"{_resource(request)}/operations/{uuid.uuid4()}"
    return await _taken(request, veo_rules.read(model, body), name, body, {"name": name})


async def _interact(request: Request) -> Response:
    studio = _studio(request)
    body = await _arrived(request, studio)
    model = str(body.get("model"))
    _check_model(studio, model, omni_rules.LONGEST_S.keys())
    id = uuid.uuid4().hex
    return await _taken(request, omni_rules.read(body), id, body, interaction(id, model, None))


async def _taken(request: Request, work: Work, name: str, body: dict[str, Any], answer: dict[str, Any]) -> Response:
    studio = _studio(request)
    await studio.check_inputs(work)
    step: Step = request.state.step
    if step.accepts:
        studio.accept(work, step, name, request.url.path, body)
    if step.drop:
        _reset(request)
    if step.hang:
        await _until_hung_up(request)
    await studio.answers.wait()
    if step.body is not None:
        return Response(step.body, step.status, media_type="application/json")
    return (
        JSONResponse(answer, step.good_status)
        if step.status == 200
        else _error(step.status, step.message, step.headers)
    )


async def _fetch(request: Request) -> Response:
    body = keys("request", await request.json(), needed={"operationName"}, allowed=frozenset())
    name = str(body["operationName"])
    if not name.startswith(_resource(request) + "/operations/"):
        raise Refused("The operation is another model's.")
    return JSONResponse(veo_operation(name, await _studio(request).asked(name)))


async def _interaction(request: Request) -> Response:
    id = request.path_params["id"]
    studio = _studio(request)
    job = await studio.asked(id)
    return JSONResponse(interaction(id, studio.jobs[id].model, job, studio.jobs[id].turns))


async def _script(request: Request) -> Response:
    studio = _studio(request)
    if request.method == "DELETE":
        studio.script.clear()
    else:
        studio.script.extend(Step.model_validate(step) for step in await request.json())
    return JSONResponse({"steps": len(studio.script)})


async def _books(request: Request) -> Response:
    return Response(_studio(request).books.model_dump_json(), media_type="application/json")


async def _retire(request: Request) -> Response:
    _studio(request).retired.update(await request.json())
    return JSONResponse({"retired": sorted(_studio(request).retired)})


async def _release(request: Request) -> Response:
    _studio(request).released.set()
    return JSONResponse({"released": True})


async def _arrived(request: Request, studio: Studio) -> dict[str, Any]:
    """Counted as soon as it is on the wire."""
    studio.books.posts += 1
    studio.books.tokens.append(request.headers.get("authorization", ""))
    studio.books.connections.append(request.client.port if request.client else 0)
    request.state.step = studio.next_step()
    found = json.loads(await request.body())
    return keys("request", found, allowed=set(found))  # type: ignore[return-value]


def _check_model(studio: Studio, model: str, known: Any) -> None:
    if model in studio.retired:
        raise Refused(f"Publisher Model `publishers/google/models/{model}` is no longer available.", 404)
    if model not in known:
        raise Refused(f"Publisher Model `publishers/google/models/{model}` was not found.", 404)


def _reset(request: Request) -> None:
    """The peer sees ECONNRESET."""
    transport: asyncio.Transport = request.state.transport
    connection: socket.socket = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _until_hung_up(request: Request) -> None:
    with suppress(asyncio.CancelledError):  # the server stops
        while (await request.receive())["type"] != "http.disconnect":
            pass


async def _card(request: Request) -> Response:
    """A model's card, which is free."""
    model = request.path_params["model"]
    _check_model(_studio(request), model, {*veo_rules.MODELS, *omni_rules.LONGEST_S})
    return JSONResponse({"name": f"publishers/google/models/{model}", "versionId": "1"})


def _studio(request: Request) -> Studio:
    studio: Studio = request.app.state.studio
    return studio


def _resource(request: Request) -> str:
    at = request.path_params
    return f"projects/{at['project']}/locations/{at['location']}/publishers/google/models/{at['model']}"


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(error_body(status, message), status, headers)


async def _refused(request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, Refused) else 400
    _studio(request).books.refused.append(str(error))
    return _error(status, str(error), error.headers if isinstance(error, Refused) else None)


async def _missing(request: Request, _: Exception) -> Response:
    return _error(404, f"{request.method} {request.url.path} was not found.")
