"""The storyboard of a film's next revision: with another take of one scene, or without a scene. Nothing is stored."""

from decimal import Decimal
from typing import TypeVar

from pydantic import ValidationError

from schemas.domain.film import Film
from schemas.errors import Invalid, NotFound, OutOfDate
from schemas.wire.film import FilmRequest, FilmScene
from schemas.wire.film_parts import TitleCard, Transition
from schemas.wire.validation import to_invalid

P = TypeVar("P", FilmScene, TitleCard)


def retake_request(film: Film, name: str, take: int, *, max_cost_usd: Decimal | None = None) -> FilmRequest:
    """Return the storyboard with another take of a scene.

    Raises `NotFound`, `Invalid` at the limit of takes or revisions, and `OutOfDate` unless `take` is the next one.
    """
    found = find_scene(film, name)
    if found.take + 1 != take:
        raise OutOfDate(f"take must be {found.take + 1}: scene {name} is at take {found.take}")
    scenes = tuple(
        scene.model_copy(update={"take": take}) if scene.name == name else scene for scene in film.request.scenes
    )
    return _revise(film, scenes, max_cost_usd)


def request_without(film: Film, name: str, *, max_cost_usd: Decimal | None = None) -> FilmRequest:
    """Return the storyboard without a scene. Raises `NotFound`, and `Invalid` for the only scene of a film."""
    left = [scene for scene in film.request.scenes if scene is not find_scene(film, name)]
    if not left:
        raise Invalid(f"scenes: {name} is the only scene of the film; cancel the film instead", field="scenes")
    titles = tuple(title for title in film.request.titles if title.before != name)
    # Nothing is before the first part any more, so that no crossfade can begin it.
    if titles and titles[0].before == left[0].name:
        titles = (_begin_with_cut(titles[0]), *titles[1:])
    else:
        left[0] = _begin_with_cut(left[0])
    return _revise(film, tuple(left), max_cost_usd, titles=titles)


def find_scene(film: Film, name: str) -> FilmScene:
    """Return a scene of the storyboard. Raises `NotFound`."""
    for scene in film.request.scenes:
        if scene.name == name:
            return scene
    raise NotFound(f"film {film.request.film_id} has no scene {name}")


def _begin_with_cut(part: P) -> P:
    is_crossfade = part.transition.kind == "crossfade"
    return part.model_copy(update={"transition": Transition()}) if is_crossfade else part


def _revise(
    film: Film, scenes: tuple[FilmScene, ...], max_cost_usd: Decimal | None, **changes: tuple[TitleCard, ...]
) -> FilmRequest:
    """Return the next revision. Raises `Invalid` for one that no caller could order: what is stored has to be readable.

    That is a number beyond its limit, or anything else that names a scene which is left out.
    """
    update = {"scenes": scenes, "revision": film.request.revision + 1, "max_cost_usd": max_cost_usd, **changes}
    try:
        return FilmRequest.model_validate(film.request.model_copy(update=update).body())
    except ValidationError as error:
        raise to_invalid(error) from error
