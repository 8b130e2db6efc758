"""Announces how a revision of a film ended, to webhooks and on the bus. A repeat of the event has the same id."""

import asyncio
import logging
from decimal import Decimal

from schemas.domain.film import Film
from schemas.ports import FILM_COMPLETIONS
from schemas.wire.film import EndOfRevision, encode_film_completion
from subscriber.films.scenes import FilmContext
from subscriber.films.webhooks import store_deliveries

logger = logging.getLogger(__name__)

_READS_AT_ONCE = 60


async def announce_end(ctx: FilmContext, film: Film, end: EndOfRevision) -> None:
    """Tell webhooks and subscribers of the end, with the address of the file and what was spent so far.

    Raises `Unavailable`.
    """
    completion = end.completion
    update = {
        "video_url": await ctx.videos.url_for(completion.gcs_path) if completion.gcs_path else None,
        "cost_usd": await _sum_costs(ctx, film),
    }
    message = encode_film_completion(completion.model_copy(update=update), holds=end.holds, at=ctx.clock.now())
    await store_deliveries(ctx, film, end, message)
    await ctx.bus.publish(FILM_COMPLETIONS, message)
    extra = {"action": "film_ended", "film_id": film.film_id, "state": completion.state}
    logger.info("a film ended", extra={**extra, "revision": completion.revision})


async def _sum_costs(ctx: FilmContext, film: Film) -> Decimal:
    """Return what is known to have been spent on the scenes of this revision and of earlier ones."""
    job_ids, cost_usd = (*film.job_ids, *film.former_job_ids), Decimal(0)
    for start in range(0, len(job_ids), _READS_AT_ONCE):
        jobs = await asyncio.gather(*map(ctx.jobs.get, job_ids[start : start + _READS_AT_ONCE]))
        cost_usd += sum((job.cost_usd for job in jobs if job), Decimal(0))
    return cost_usd
