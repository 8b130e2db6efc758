"""Asks how operations stand: hundreds of times a minute, at little more than the price of the bare request.

google-genai spends much processor time on writing a poll, on looks at its own type hints above all. So it
writes the first poll at each model; those after it are the same request with another id. An answer that says no more
than "still running" needs nobody to read it; any other is given to the library, as if it had just come.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import httpx

from infra.gcp.vertex.failures import object_of
from infra.gcp.vertex.models import Family
from infra.gcp.vertex.operations import Operation

STILL_RUNNING = frozenset({"in_progress", "queued", "requires_action", "requires_continuation"})
"""Of an interaction. Google resumes a background one by itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PollTemplate:
    """A poll that the library wrote, for whichever operation."""

    id: str
    method: str
    url: str
    headers: tuple[tuple[bytes, bytes], ...]
    content: bytes

    @classmethod
    def of(cls, written: httpx.Request, id: str) -> "PollTemplate":
        """All that a later poll at the same model shares with this one; its token is not kept."""
        return cls(
            id=id,
            method=written.method,
            url=str(written.url),
            headers=tuple((name, value) for name, value in written.headers.raw if name.lower() != b"authorization"),
            content=written.content,
        )

    def request(self, id: str, token: str) -> httpx.Request:
        """The same about another operation; ids of one model are of one length, so that the headers stay true."""
        return httpx.Request(
            self.method,
            self.url.replace(self.id, id),
            headers=[*self.headers, (b"authorization", b"Bearer " + token.encode())],
            content=self.content.replace(self.id.encode(), id.encode()),
        )


@dataclass(slots=True)
class PollCapture:
    """A poll that is with the library. The transport notes what was written, and answers what is in hand already."""

    answer: bytes | None = None
    texts: Sequence[str] = ()
    """What the caller wrote, and the answer may quote."""
    written: httpx.Request | None = None

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Requests of this task are this question until the context ends."""
        before = CURRENT_CAPTURE.set(self)
        try:
            yield
        finally:
            CURRENT_CAPTURE.reset(before)


CURRENT_CAPTURE: ContextVar[PollCapture | None] = ContextVar("ASKED", default=None)
"""In a context variable, since the client library stands in between."""


@dataclass(frozen=True, slots=True)
class PollTemplates:
    """Every pattern that this process has learned: one for each model and place."""

    _known: dict[str, PollTemplate] = field(default_factory=dict)

    def request(self, operation: Operation, token: str) -> httpx.Request | None:
        """The poll to send; None where the library has to write the first one, or ids of another length."""
        pattern = self._known.get(_model_of(operation))
        if pattern is None or len(pattern.id) != len(operation.id):
            return None
        return pattern.request(operation.id, token)

    def remember(self, operation: Operation, written: httpx.Request | None) -> None:
        """From a poll of this operation."""
        if written is not None and _names(written, operation.id):
            self._known[_model_of(operation)] = PollTemplate.of(written, operation.id)


def still_running(family: Family, body: bytes) -> bool:
    """Whether the answer says that much and nothing else."""
    said: dict[str, Any] = object_of(body)
    return not said.get("done") if family is Family.VEO else said.get("status") in STILL_RUNNING


def _names(written: httpx.Request, id: str) -> bool:
    """Whether the id stands in it as it is: written in another way, a swap would ask about another."""
    return id in str(written.url) or id.encode() in written.content


def _model_of(operation: Operation) -> str:
    return f"{operation.family}:{operation.resource.removesuffix(operation.id)}"
