"""The permission for one paid request, and the call that spends it.

The permit is passed in a context variable, because a client library stands between the adapter, which issues it, and
the transport, which takes it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from infra.paid.failures import NOT_SENT_IN_TIME, SENT_TWICE, not_written_failure, unclear_answer_failure
from schemas.errors import SubmitError, SubmitRefused, SubmitUnknown

logger = logging.getLogger(__name__)

FIRST_BYTE = "http11.send_request_headers.started"
"""httpcore's event for an open connection, before the first write. Until then no byte of the request was sent."""


@dataclass(slots=True)
class SubmitPermit:
    """The permission for exactly one paid request, until `send_before` on the boot clock, and the record of what
    happened."""

    send_before: float
    boot: Callable[[], float]
    texts: Sequence[str] = ()
    """The caller's texts, which a refusal may quote."""
    used: bool = False
    sent: bool = False
    accepted: str = ""
    """The operation name in a good answer, even if the client library can't read the rest."""
    reaching: asyncio.Timeout | None = None
    """The limit of the time before the first byte."""

    async def watch(self, event: str, info: dict[str, Any]) -> None:
        """Called by the connection at each step.

        Raises `SubmitRefused` before the first byte if it is too late to send.
        """
        if event != FIRST_BYTE or info["request"].method == b"CONNECT":
            return  # a CONNECT to the proxy costs nothing
        if self.boot() >= self.send_before:
            raise SubmitRefused(NOT_SENT_IN_TIME)
        self.sent = True
        if self.reaching:
            self.reaching.reschedule(None)


CURRENT_PERMIT: ContextVar[SubmitPermit | None] = ContextVar("CURRENT_PERMIT", default=None)


def take_permit() -> SubmitPermit:
    """Take the permit of this task. Raises `SubmitUnknown` if there is none, or if it was used before."""
    permit = CURRENT_PERMIT.get()
    if permit is None or permit.used:
        raise SubmitUnknown(SENT_TWICE)
    permit.used = True
    return permit


async def send_once(permit: SubmitPermit, send: Callable[[], Awaitable[object]]) -> str:
    """Let `send` make the one request of the permit, and return the name of the accepted operation.

    What happened is read from the permit, not from `send`, which may be any client library. Raises `SubmitRefused` if
    certainly nothing was accepted, and `SubmitUnknown` in every doubt.
    """
    problem: Exception | None = None
    token = CURRENT_PERMIT.set(permit)
    try:
        await send()
    except Exception as error:
        if not permit.accepted and isinstance(error, SubmitError):
            raise
        problem = error
    finally:
        CURRENT_PERMIT.reset(token)
    # The library's own errors may quote the prompt: they are neither chained nor logged.
    if not permit.used:
        raise SubmitRefused(not_written_failure(problem))
    if not permit.accepted:
        raise SubmitUnknown(unclear_answer_failure(200))
    if problem:
        about = {"action": "submit_answer_odd", "reason": type(problem).__name__}
        logger.warning("the client library can't read the answer to a submit", extra=about)
    return permit.accepted
