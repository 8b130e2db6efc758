"""What a worker says of itself with each heartbeat: what it holds, its pace with each model, and what it can write."""

import json
from collections.abc import Collection, Mapping

from schemas.wire.film_parts import FilmExport
from schemas.wire.types import Priority
from subscriber.rate_limit import SubmitRateLimiter


def describe_worker(
    slots: int,
    running: int,
    held: Mapping[Priority, int],
    rate_limiter: SubmitRateLimiter,
    *,
    film_exports: Collection[FilmExport] = (),
) -> str:
    """Return a JSON object. Names may be added, and readers ignore names that they do not know."""
    models = [pace._asdict() for pace in rate_limiter.paces()]
    facts = {"slots": slots, "running": running, "held": dict(held), "models": models}
    return json.dumps({**facts, "film_exports": sorted(film_exports)})
