"""The calls about films: plan and order a storyboard, see and cancel a film, and take one of its scenes again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from publisher.access import Access
from publisher.context import PublisherContext
from publisher.facade.call import Call, check_connected
from publisher.facade.errors import public_failure, public_outline
from publisher.facade.json_body import EraseRequest, FilmRetakeRequest, read_body
from publisher.facade.middleware import access_of
from publisher.facade.operator import ErasePreview
from publisher.facade.request_body import Upload
from publisher.facade.request_headers import RESERVED_FILMS
from publisher.facade.responses import RETRY_AFTER_S, json_response
from publisher.facade.routes import check_parameters, whole_number
from publisher.films.listing import FilmFilter, FilmListing, list_films
from publisher.films.orders import cancel_film, find_film, order_film, retake_scene
from publisher.films.plan import FilmPlan, plan_film
from publisher.films.view import FilmView, view_film
from publisher.paging import LIMIT_MAX
from publisher.purge import purge
from schemas.domain.film import Film
from schemas.domain.film_tombstone import film_erasure_blocker
from schemas.errors import Invalid
from schemas.wire.film import FilmRequest
from schemas.wire.validation import parse_object, to_invalid

FILM_ANSWERS: tuple[type[BaseModel], ...] = (FilmPlan, FilmView, FilmListing)
_FILTERS = frozenset({"state", "project_id", "caller", "cursor", "limit"})


async def plan(call: Call) -> Response:
    """Answer with the price of a storyboard, scene by scene. Nothing is stored."""
    access_of(call).check("submit")
    async with _read_film(call) as request:
        return json_response(await plan_film(call.state["ctx"], request, access_of(call)))


async def list_or_order(call: Call) -> Response:
    """List films, or order one. Both have one route, so that a 405 names both methods."""
    return await (order if call.method == "POST" else list_all)(call)


async def list_all(call: Call) -> Response:
    """Answer with a page of films, the newest first."""
    access, query = access_of(call), call.query_params
    access.check("read", "operate")
    check_parameters(call, _FILTERS)
    if "caller" in query:
        access.check("operate")
    named = {name: query.get(name) for name in ("state", "project_id", "cursor")}
    limit = whole_number(call, "limit", 1, LIMIT_MAX, default=50)
    listing = await list_films(
        call.state["ctx"], FilmFilter(**named, films_of=query.get("caller"), limit=limit), access
    )
    return json_response(listing.model_copy(update={"films": list(map(public_outline, listing.films))}))


async def order(call: Call) -> Response:
    """Order a film. The same storyboard again answers with the same film."""
    ctx, access = call.state["ctx"], access_of(call)
    access.check("submit")
    async with _read_film(call) as request:
        film = await order_film(ctx, request, access)
    return await _answer(ctx, film, access, status=202)


async def one(call: Call) -> Response:
    """Show a film, or cancel it. Both have one route, so that a 405 names both methods."""
    ctx, access = call.state["ctx"], access_of(call)
    is_cancel = call.method == "DELETE"
    access.check("submit" if is_cancel else "read", "operate")
    film = await find_film(ctx, call.path_params["film_id"], access)
    return await _answer(ctx, await cancel_film(ctx, film) if is_cancel else film, access)


async def erase(call: Call) -> Response:
    """Say whether the film can be erased, or erase it with the jobs of its scenes."""
    ctx, access = call.state["ctx"], access_of(call)
    access.check("operate")
    film = await find_film(ctx, call.path_params["film_id"], access)
    if call.method != "POST":
        reason = None if film.erased_at else film_erasure_blocker(film)
        return json_response(ErasePreview(may_erase=reason is None, why_not=reason))
    await read_body(call, EraseRequest)
    report = await purge(ctx, (), film_ids=[film.film_id])
    if report.kept_films:
        raise Invalid(report.kept_films[0].reason, field="film_id")
    return json_response(report)


async def retake(call: Call) -> Response:
    """Order the next revision of a film, with another take of one scene."""
    ctx, access = call.state["ctx"], access_of(call)
    access.check("submit")
    wanted = await read_body(call, FilmRetakeRequest)
    film = await find_film(ctx, call.path_params["film_id"], access)
    name = call.path_params["scene"]
    taken = await retake_scene(ctx, film, name, access, take=wanted.take, max_cost_usd=wanted.max_cost_usd)
    return await _answer(ctx, taken, access, status=202)


@asynccontextmanager
async def _read_film(call: Call) -> AsyncIterator[FilmRequest]:
    """Read the storyboard, and hold its room and a slot until the context ends. Raises `Invalid`."""
    with Upload(call.state["uploads"]) as upload:
        body = await upload.read(call)
        with await call.state["admission"].acquire() as slot:
            if slot.queued:
                await check_connected(call)
            yield await asyncio.to_thread(parse_film, body)  # an image of megabytes would block the event loop


def parse_film(body: bytes) -> FilmRequest:
    """Return the storyboard of a JSON text. Raises `Invalid`, which names the field."""
    try:
        request = FilmRequest.model_validate(parse_object(body, what="the body"))
    except ValidationError as error:
        raise to_invalid(error) from error
    if request.film_id in RESERVED_FILMS:
        raise Invalid(f"film_id can't be {request.film_id}", field="film_id")
    return request


def public_film(view: FilmView) -> FilmView:
    """Return the film as callers of the facade see it: its errors have no paths."""
    scenes = tuple(scene.model_copy(update={"error": public_failure(scene.error)}) for scene in view.scenes)
    return view.model_copy(update={"scenes": scenes, "error": public_failure(view.error)})


async def _answer(ctx: PublisherContext, film: Film, access: Access, *, status: int = 200) -> Response:
    view = public_film(await view_film(ctx, film, access))
    path = f"/api/films/{view.film_id}"
    headers = {"Location": path, "Retry-After": str(RETRY_AFTER_S)} if status == 202 else None
    return json_response(view, status=status, headers=headers)
