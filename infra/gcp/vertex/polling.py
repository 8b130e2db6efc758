"""Templates of polls, so that hundreds of polls a minute cost little more than the bare requests.

google-genai needs much processor time to write a poll, most of it to inspect its own type hints. So the library writes
the first poll at each model, and later polls are the same request with another id. An answer that says only "still
running" is not given to the library; any other is, as if it had just arrived.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import httpx

from infra.gcp.vertex.operations import Operation


@dataclass(frozen=True, kw_only=True, slots=True)
class PollTemplate:
    """A poll that the library wrote, to be used for other operations of the same model."""

    id: str
    method: str
    url: str
    headers: tuple[tuple[bytes, bytes], ...]
    content: bytes

    @classmethod
    def of(cls, written: httpx.Request, id: str) -> "PollTemplate":
        """Keep what later polls at the same model share with this one; the token is not kept."""
        return cls(
            id=id,
            method=written.method,
            url=str(written.url),
            headers=tuple((name, value) for name, value in written.headers.raw if name.lower() != b"authorization"),
            content=written.content,
        )

    def request(self, id: str, token: str) -> httpx.Request:
        """Build the poll of another operation. Ids of one model have one length, so that the headers stay correct."""
        return httpx.Request(
            self.method,
            self.url.replace(self.id, id),
            headers=[*self.headers, (b"authorization", b"Bearer " + token.encode())],
            content=self.content.replace(self.id.encode(), id.encode()),
        )


@dataclass(slots=True)
class PollCapture:
    """A poll by the library. The transport notes the request, and uses the known answer if there is one."""

    answer: bytes | None = None
    written: httpx.Request | None = None

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Make it the capture of this task's requests until the context ends."""
        before = CURRENT_CAPTURE.set(self)
        try:
            yield
        finally:
            CURRENT_CAPTURE.reset(before)


CURRENT_CAPTURE: ContextVar[PollCapture | None] = ContextVar("ASKED", default=None)
"""A context variable, because the client library stands between the adapter and the transport."""


@dataclass(frozen=True, slots=True)
class PollTemplates:
    """The templates of this process: one for each model and location."""

    _known: dict[str, PollTemplate] = field(default_factory=dict)

    def request(self, operation: Operation, token: str) -> httpx.Request | None:
        """Build the poll to send; None if the library must write it: the first, or an id of new length."""
        template = self._known.get(_key_of(operation))
        if template is None or len(template.id) != len(operation.id):
            return None
        return template.request(operation.id, token)

    def remember(self, operation: Operation, written: httpx.Request | None) -> None:
        """Keep the template of a poll that the library wrote for this operation."""
        # An id that is written in another form can't be replaced: the poll would ask for the wrong operation.
        if written is not None and (operation.id in str(written.url) or operation.id.encode() in written.content):
            self._known[_key_of(operation)] = PollTemplate.of(written, operation.id)


def _key_of(operation: Operation) -> str:
    return f"{operation.family}:{operation.resource.removesuffix(operation.id)}"
