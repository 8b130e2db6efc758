"""Stores the deliveries of a film's end before it is published. A courier posts them.

Jobs don't come by here: no message of a job, and no subscription, is needed for the webhooks of films.
"""

import logging

from schemas.domain.film import Film
from schemas.errors import AlreadyExists
from schemas.wire.film import EndOfRevision
from schemas.wire.message import Message
from subscriber.courier.film_events import film_delivery_of, film_targets_of
from subscriber.films.scenes import FilmContext

logger = logging.getLogger(__name__)


async def store_deliveries(ctx: FilmContext, film: Film, end: EndOfRevision, message: Message) -> None:
    """Store a delivery for each address that hears of this end. Raises `Unavailable`.

    It may be repeated: a delivery that exists keeps its bytes, and what became of it.
    """
    targets = film_targets_of(film, end, ctx.endpoints)
    if ctx.deliveries is None or not targets:
        return
    for target in targets:
        delivery = film_delivery_of(message, film, target, facade_url=ctx.facade_url, now=ctx.clock.now())
        try:
            await ctx.deliveries.create(delivery)
        except AlreadyExists:  # the worker that stored it was killed before it noted the announcement
            extra = {"action": "webhook_known", "delivery_id": delivery.delivery_id, "film_id": film.film_id}
            logger.info("a webhook of a film was stored before", extra=extra)
    ctx.wake_courier()
