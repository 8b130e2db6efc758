"""The subscriptions of the workers, and the look at them when a process starts.

A process reads and complains. Only `reelbus setup`, or the tool of the operator, changes subscriptions of a service.
"""

import logging

from schemas.ports import (
    BATCH_REQUESTS,
    BATCH_WORKERS,
    COMPLETIONS,
    DEAD_REQUESTS,
    DEAD_WORKERS,
    EVALUATIONS,
    EVALUATORS,
    FILM_COMPLETIONS,
    FILM_REQUESTS,
    FILM_WORKERS,
    REQUESTS,
    WEBHOOKS,
    WORKERS,
    Bus,
)

logger = logging.getLogger(__name__)

TOPICS = (REQUESTS, BATCH_REQUESTS, COMPLETIONS, DEAD_REQUESTS, FILM_REQUESTS, FILM_COMPLETIONS, EVALUATIONS)
"""All topics. `reelbus setup` makes them."""
NEEDED = (WORKERS, BATCH_WORKERS, DEAD_WORKERS)
"""A message that is published before its subscription exists is lost, and the first worker may start later."""
SHARED = (*NEEDED, WEBHOOKS, FILM_WORKERS, EVALUATORS)
"""What `reelbus setup` makes. Without the last three all works but webhooks, films and scores: they may come later."""


async def check_subscriptions(bus: Bus) -> None:
    """Log what differs from what this version wants.

    Raises `Unavailable` if a subscription does not exist, and `Invalid` if one is on another topic.
    """
    for subscription in NEEDED:
        for difference in await bus.check(subscription):
            about = {"action": "subscription_differs", "subscription": subscription.name, "reason": difference}
            logger.warning("a subscription is not as `reelbus setup` makes it", extra=about)
