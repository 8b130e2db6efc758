"""Films in states that are hard to reach by hand, written into the stores of a house as a director would write them."""

from publisher.access import Access
from publisher.context import PublisherContext
from publisher.films.orders import order_film
from schemas.domain.events import Failed
from schemas.domain.film import Film, FilmState, join_failure
from schemas.domain.job import new_job
from schemas.errors import Category, Charged, Failure
from schemas.services.update import update_job
from schemas.wire.film import FilmRequest


async def hold_film(ctx: PublisherContext, film_id: str, words: str) -> Film:
    """A film of three scenes that is held: one scene has failed, and two wait. Each text of it is these words."""
    scenes = [{"name": name, "prompt": f"{name} of the scenes: {words}"[:2000]} for name in ("one", "two", "three")]
    request = FilmRequest.model_validate({"film_id": film_id, "scenes": scenes})
    film = await order_film(ctx, request, Access())
    for each in film.requests.values():
        await ctx.jobs.create(new_job(each, ctx.clock.now()))
    failure = Failure(category=Category.UPSTREAM, code="broke", message=words, charged=Charged.NO)
    await update_job(ctx.jobs, film.job_ids[1], lambda _: Failed(at=ctx.clock.now(), failure=failure))
    assert ctx.films
    ended = film.end(ctx.clock.now(), FilmState.HELD, join_failure("scene_failed", f"two has no video: {words}"))
    held = await ctx.films.save(ended)
    return await ctx.films.save(held.note_announced(ctx.clock.now()))
