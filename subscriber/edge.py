"""The worker's edge: whatever goes wrong in the handling of a delivery, the message comes again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from schemas.errors import Unavailable
from schemas.ports import Delivery

log = logging.getLogger(__name__)

RETRY_AT_MOST_S = 300.0


async def guarded(delivery: Delivery, handle: Callable[[Delivery], Awaitable[None]]) -> None:
    """Handles the delivery. Cancelled, it is handed back at once; failed, after a while that grows with each try."""
    try:
        await handle(delivery)
    except asyncio.CancelledError:
        await _hand_back(delivery, 0)
        raise
    except Unavailable as error:
        log.warning("a dependency is out of reach", extra={"action": "unavailable", "reason": str(error)})
        await _hand_back(delivery, max(error.retry_after_s, _delay_s(delivery)))
    except Exception:  # the outermost edge of a delivery: it comes again, the worker goes on
        log.exception("a message could not be handled", extra={"action": "handling_failed"})
        await _hand_back(delivery, _delay_s(delivery))


def _delay_s(delivery: Delivery) -> float:
    return min(RETRY_AT_MOST_S, float(2 ** min(delivery.attempt, 10)))


async def _hand_back(delivery: Delivery, delay_s: float) -> None:
    """A bus that can't even take it back loses the lease with this process, and delivers it again then."""
    try:
        await delivery.nack(delay_s=delay_s)
    except Unavailable:
        log.warning("could not hand a message back", extra={"action": "nack_failed"})
