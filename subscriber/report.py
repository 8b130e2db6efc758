"""What a worker says of itself with each heartbeat, for the operator: what it holds, and its pace with each model."""

import json
from collections.abc import Mapping

from schemas.wire.types import Priority
from subscriber.rate_limit import SubmitRateLimiter


def describe_worker(slots: int, running: int, held: Mapping[Priority, int], rate_limiter: SubmitRateLimiter) -> str:
    """Return a JSON object. Names may be added, and readers ignore names that they do not know."""
    models = [pace._asdict() for pace in rate_limiter.paces()]
    return json.dumps({"slots": slots, "running": running, "held": dict(held), "models": models})
