"""Erase the films that ended long enough ago: their words, their files and what is stored beside these.

A director deletes the files of a tombstone whose next look is due, so that a pass which is killed is finished.
"""

import logging
from datetime import timedelta

from schemas.domain.film_tombstone import film_erasure_blocker
from schemas.errors import ReelbusError
from schemas.services.film_erasure import FilmEraser
from subscriber.context import WorkerContext

logger = logging.getLogger(__name__)

PORTION = 50


async def erase_old_films(ctx: WorkerContext, age: timedelta | None, *, dry_run: bool = False) -> int:
    """Erase films that ended longer ago than `age`; None keeps them. Return how many. Raises `Unavailable`.

    The jobs of their scenes have ages of their own.
    """
    if age is None or ctx.films is None:
        return 0
    eraser = FilmEraser(films=ctx.films, jobs=ctx.jobs, videos=ctx.videos, clock=ctx.clock, deliveries=ctx.deliveries)
    erased = 0
    for film_id in await ctx.films.list_ended_before(ctx.clock.now() - age, limit=PORTION):
        try:
            if dry_run:
                film = await ctx.films.get(film_id)
                erased += film is not None and film_erasure_blocker(film) is None
                continue
            await eraser.sweep(await eraser.mark(film_id))
            erased += 1
        except ReelbusError as error:  # the other films are erased all the same
            extra = {"action": "erasing_failed", "film_id": film_id, "reason": str(error)}
            logger.warning("a film could not be erased", extra=extra)
    return erased
