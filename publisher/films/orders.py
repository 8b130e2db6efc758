"""Order a film, find it, cancel it, and take a scene again.

The record of the film is the order, and one write makes it: no film is half ordered. A worker makes the jobs of its
scenes, and finds the record also if the message about it is lost.
"""

import logging
from dataclasses import replace
from decimal import Decimal

from publisher.access import Access
from publisher.context import PublisherContext, films_of
from publisher.films.music import StagedMusic, stage_music
from publisher.films.outputs import check_outputs
from publisher.films.plan import PreparedFilm, find_refusal, prepare_film
from publisher.films.revisions import find_scene, request_without, retake_request
from publisher.queue_limit import too_many_queued_of_batch
from publisher.webhooks import check_webhook
from schemas.domain.film import Film, FilmState
from schemas.domain.film_tombstone import to_gone_film
from schemas.errors import AlreadyExists, Conflict, Invalid, NotFound, OutOfDate, Unavailable
from schemas.ports import FILM_REQUESTS
from schemas.services.film_cancel import cancel_scenes
from schemas.services.reference_images import store_image
from schemas.wire.caller_names import to_stored_id
from schemas.wire.film import FilmRequest, encode_film_request

logger = logging.getLogger(__name__)

_ATTEMPTS = 5


async def order_film(ctx: PublisherContext, request: FilmRequest, access: Access) -> Film:
    """Store the film and tell the workers. The same storyboard again returns the film that it made.

    Raises `Invalid`, `OverMaxCost`, `OverBudget`, `IdReused` for an older revision or another storyboard of the same
    one, `Conflict` and `Unavailable`.
    """
    async with stage_music(ctx, request, access.caller) as music:
        return await _order(ctx, music, access)


async def _order(ctx: PublisherContext, music: StagedMusic, access: Access) -> Film:
    request = music.request
    for _ in range(_ATTEMPTS):
        prepared = await _prepare(ctx, request, access.caller)
        if prepared.known and prepared.known.request.revision == request.revision:
            return await _tell(ctx, prepared.known)
        await check_outputs(ctx, request)
        if request.webhook:
            check_webhook(ctx, request.webhook)
        if refusal := await find_refusal(ctx, prepared):
            raise refusal
        if erased := [each.scene.name for each in prepared.scenes if each.status == "erased"]:
            words = f"scene {erased[0]} was erased with its prompt: give it another take"
            raise Invalid(words, field="scenes")
        if error := await too_many_queued_of_batch(ctx, prepared.new_requests, access.caller, field="scenes"):
            raise error
        await _store_images(ctx, prepared)
        await music.store(ctx)
        film = music.note_source((await _refresh(ctx, prepared)).to_film(ctx, access.caller))
        try:
            stored = await (films_of(ctx).save(film) if prepared.known else films_of(ctx).create(film))
        except (Conflict, AlreadyExists):
            continue  # another call was faster: compare with what it stored
        extra = {"action": "film_ordered", "film_id": stored.film_id, "revision": request.revision}
        logger.info("a film was ordered", extra={**extra, "price_usd": str(prepared.price_usd)})
        return await _tell(ctx, stored)
    raise Conflict(f"film {request.film_id} changes too often; try again")


async def _prepare(ctx: PublisherContext, request: FilmRequest, caller: str | None) -> PreparedFilm:
    """Prepare the film. First carry out a cancel that waits for a worker: the next revision would hide it."""
    prepared = await prepare_film(ctx, request, caller)
    known = prepared.known
    if known is None or known.state is not FilmState.CANCELLED or not known.announce_due:
        return prepared
    await cancel_scenes(known, films=films_of(ctx), jobs=ctx.jobs, bus=ctx.bus, clock=ctx.clock)
    return await prepare_film(ctx, request, caller)


async def _refresh(ctx: PublisherContext, prepared: PreparedFilm) -> PreparedFilm:
    """Take the newest record of the same revision. A director notes each of its looks in it, every two seconds."""
    known, newest = prepared.known, await films_of(ctx).get(prepared.film_id)
    if known is None or newest is None:
        return prepared
    is_as_prepared = (newest.state, newest.request.revision) == (known.state, known.request.revision)
    return replace(prepared, known=newest) if is_as_prepared else prepared


async def _tell(ctx: PublisherContext, film: Film) -> Film:
    """Publish that the film is to be looked at. Without the message a worker finds it some seconds later."""
    if film.state.ended and not film.announce_due:
        return film
    try:
        message = encode_film_request(film.film_id, film.request.revision, at=ctx.clock.now())
        await ctx.bus.publish(FILM_REQUESTS, message)
    except Unavailable as error:
        extra = {"action": "film_untold", "film_id": film.film_id, "reason": str(error)}
        logger.warning("a film's message was not sent", extra=extra)
    return film


async def _store_images(ctx: PublisherContext, prepared: PreparedFilm) -> None:
    """Store the images of each new scene, and say that its job uses them. A shared image is written once."""
    written = set[str]()
    for each in prepared.scenes:
        if each.job is None:
            await store_image(each.staged.without_images(written), ctx.videos)
            written.update(each.staged.names)


async def find_film(ctx: PublisherContext, film_id: str, access: Access) -> Film:
    """Return a film that this caller may see, by its own id or the stored one. Raises `NotFound`."""
    for stored in dict.fromkeys((to_stored_id(access.caller, film_id), film_id)):
        film = await films_of(ctx).get(stored)
        if film and (access.jobs_of is None or film.caller == access.jobs_of):
            return film
    raise NotFound(f"there is no film {film_id}")


async def cancel_film(ctx: PublisherContext, film: Film) -> Film:
    """Cancel the film: no scene is sent any more. A scene that was sent is paid, and kept."""
    for _ in range(_ATTEMPTS):
        if film.erased_at or film.state in (FilmState.SUCCEEDED, FilmState.FAILED, FilmState.CANCELLED):
            return film
        try:
            cancelled = await films_of(ctx).save(film.end(ctx.clock.now(), FilmState.CANCELLED))
        except Conflict:
            film = await films_of(ctx).get(film.film_id) or film
            continue
        extra = {"action": "film_cancelled", "film_id": film.film_id, "revision": film.request.revision}
        logger.info("a film was cancelled", extra=extra)
        return await _tell(ctx, cancelled)
    raise Conflict(f"film {film.film_id} changes too often; try again")


async def retake_scene(
    ctx: PublisherContext, film: Film, name: str, access: Access, *, take: int, max_cost_usd: Decimal | None
) -> Film:
    """Order the next revision with another take of one scene. A repeated call finds the take that it made.

    Raises `NotFound`, `Gone`, `OutOfDate` unless `take` is the next one, and what `order_film` raises.
    """
    if film.erased_at:
        raise to_gone_film(film, caller=access.jobs_of)
    if find_scene(film, name).take == take:
        return film
    request = retake_request(film, name, take, max_cost_usd=max_cost_usd)
    _check_owner(film, access)
    return await order_film(ctx, request, access)


async def drop_scene(
    ctx: PublisherContext, film: Film, name: str, access: Access, *, revision: int, max_cost_usd: Decimal | None
) -> Film:
    """Order the next revision without one scene. A repeated call finds the revision that it made.

    Raises `Gone`, `NotFound`, `OutOfDate` unless `revision` is the next one, and what `order_film` raises.
    """
    if film.erased_at:
        raise to_gone_film(film, caller=access.jobs_of)
    if film.request.revision == revision and all(scene.name != name for scene in film.request.scenes):
        return film
    if film.request.revision + 1 != revision:
        raise OutOfDate(f"film {film.request.film_id} is at revision {film.request.revision}: look at it again")
    request = request_without(film, name, max_cost_usd=max_cost_usd)
    _check_owner(film, access)
    return await order_film(ctx, request, access)


def _check_owner(film: Film, access: Access) -> None:
    """Raise `Invalid` for another caller: the jobs of the scenes are named by the caller who pays for them."""
    if film.caller != access.caller:
        raise Invalid("take: only the caller of a film can order another take")
