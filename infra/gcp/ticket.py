"""Permission for exactly one paid request, and the memory of whether it left.

It travels in a context variable: the client library stands between who asks for a paid call and who sends it.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from infra.gcp.refusals import NOT_SENT_IN_TIME
from schemas.errors import SubmitRefused

FIRST_BYTE = "http11.send_request_headers.started"
"""What httpcore says when it has connected, and is about to write. Nothing of the request has left before that."""


@dataclass(slots=True)
class Ticket:
    """Good for one request, until `send_before` on the boot clock."""

    send_before: float
    boot: Callable[[], float]
    texts: Sequence[str] = ()
    """What the caller wrote, and a refusal may quote."""
    used: bool = False
    sent: bool = False
    accepted: str = ""
    """The name in a good answer, even if the client library can't read the rest."""
    reaching: asyncio.Timeout | None = None
    """Bounds the time before the first byte."""

    async def watch(self, event: str, info: dict[str, Any]) -> None:
        """Called by the connection at each step. Raises `SubmitRefused` at the last moment where that came too late."""
        if event != FIRST_BYTE or info["request"].method == b"CONNECT":
            return  # what a proxy is asked first pays for nothing
        if self.boot() >= self.send_before:
            raise SubmitRefused(NOT_SENT_IN_TIME)
        self.sent = True
        if self.reaching:
            self.reaching.reschedule(None)


PERMITTED: ContextVar[Ticket | None] = ContextVar("PERMITTED", default=None)
