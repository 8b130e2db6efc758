"""What a visitor does to a film: cancel it, take a scene again, cut a scene out, erase it.

What may spend money says how much, and asks once, on a page of its own, with the price of each scene.
"""

from typing import Literal

from starlette.responses import RedirectResponse, Response

from publisher.console.forms import amount_of, number_of, read_form
from publisher.console.rendering import console_of, render
from publisher.facade.call import Call
from publisher.facade.films import public_film
from publisher.facade.middleware import access_of
from publisher.films.orders import cancel_film, drop_scene, find_film, retake_scene
from publisher.films.plan import plan_film
from publisher.films.revisions import find_scene, request_without, retake_request
from publisher.films.view import view_film
from publisher.purge import purge
from publisher.refusals import OverMaxCost
from schemas.domain.film import Film
from schemas.domain.film_tombstone import film_erasure_blocker, to_gone_film
from schemas.errors import Invalid

Change = Literal["retake", "drop"]


async def cancel(call: Call) -> Response:
    """Cancel the film: no scene is sent any more. Raises `NotFound`."""
    access_of(call).check("submit", "operate")
    await cancel_film(call.state["ctx"], await _find(call))
    return _back(call)


async def show_retake(call: Call) -> Response:
    """Ask whether to pay for another take of a scene. Raises `NotFound`."""
    return await _show_change(call, "retake")


async def show_drop(call: Call) -> Response:
    """Ask whether to cut a scene out of the film. Raises `NotFound`."""
    return await _show_change(call, "drop")


async def retake(call: Call) -> Response:
    """Order another take for the price that the visitor agreed to; ask again if it is higher. Raises `NotFound`."""
    access_of(call).check("submit")
    form, film = await read_form(call), await _find(call)
    take, agreed = number_of(form, "take"), amount_of(form, "agreed_usd")
    if take is None or agreed is None:
        return _back(call, f"/scenes/{call.path_params['scene']}/retake")
    name = call.path_params["scene"]
    try:
        await retake_scene(call.state["ctx"], film, name, access_of(call), take=take, max_cost_usd=agreed)
    except OverMaxCost:
        return _back(call, f"/scenes/{name}/retake")
    return _back(call)


async def drop(call: Call) -> Response:
    """Order the film without a scene, for the price that the visitor agreed to. Raises `NotFound`."""
    access_of(call).check("submit")
    form, film = await read_form(call), await _find(call)
    revision, agreed = number_of(form, "revision"), amount_of(form, "agreed_usd")
    name = call.path_params["scene"]
    if revision is None or agreed is None:
        return _back(call, f"/scenes/{name}/drop")
    try:
        await drop_scene(call.state["ctx"], film, name, access_of(call), revision=revision, max_cost_usd=agreed)
    except OverMaxCost:
        return _back(call, f"/scenes/{name}/drop")
    return _back(call)


async def _show_change(call: Call, change: Change) -> Response:
    ctx, access, name = call.state["ctx"], access_of(call), call.path_params["scene"]
    access.check("submit")
    film = await _find(call)
    if film.erased_at:
        raise to_gone_film(film, caller=access.jobs_of)
    take = find_scene(film, name).take + 1
    request = retake_request(film, name, take) if change == "retake" else request_without(film, name)
    return await render(
        call,
        "film_change.html",
        film_id=call.path_params["film_id"],
        scene=name,
        change=change,
        take=take,
        plan=await plan_film(ctx, request, access),
    )


async def show_erase(call: Call) -> Response:
    """Ask whether to erase the film with its scenes, and say what was paid for them. Raises `NotFound`."""
    access_of(call).check("operate")
    film = await _find(call)
    view = public_film(await view_film(call.state["ctx"], film, access_of(call)))
    why_not = "" if film.erased_at else film_erasure_blocker(film) or ""
    return await render(call, "film_erase.html", view=view, film_id=call.path_params["film_id"], why_not=why_not)


async def erase(call: Call) -> Response:
    """Erase the film with its scenes. Raises `NotFound`, and `Invalid` if it can't be erased yet."""
    access_of(call).check("operate")
    film = await _find(call)
    done = await purge(call.state["ctx"], (), film_ids=[film.film_id])
    if done.kept_films:
        raise Invalid(done.kept_films[0].reason, field="film_id")
    return _back(call)


async def _find(call: Call) -> Film:
    return await find_film(call.state["ctx"], call.path_params["film_id"], access_of(call))


def _back(call: Call, page: str = "") -> Response:
    address = console_of(call).url(f"/films/{call.path_params['film_id']}{page}")
    return RedirectResponse(address, status_code=303)
