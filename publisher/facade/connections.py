"""The connections of one facade: their number, and their deadlines.

The connection of a caller that waits for its video has a request under way, and stays open. A connection is closed
after a while if its caller sends no head or half a head, or reads nothing of its answer. If too many are open, the one
that is idle for the longest time is closed for a new one.

HTTP/1.1 is read as RFC 9112 defines it. What two servers could read in two ways is refused, and a head has a limit.
"""

import asyncio
import logging
import re
import resource
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import h11
from h11._receivebuffer import ReceiveBuffer
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from publisher.facade.errors import refusal_json
from publisher.settings import PublisherSettings

logger = logging.getLogger(__name__)


HEAD_AT_MOST_BYTES = 32_768
_FIELDS_AT_MOST = 200
_PARTS_AT_LEAST = 1_000
_PART_AT_LEAST_BYTES = 16
"""The lowest average size of the parts of a body with more than a thousand: each part costs as much as kilobytes."""
_BAD_LINE_END = re.compile(rb"(?<!\r)\n|\n[ \t]")


class StrictConnection(h11.Connection):
    """The server's side of a connection. `refusal` says with which status and why a request was refused."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, HEAD_AT_MOST_BYTES)
        self._receive_buffer = _StrictBuffer()
        self._parts = 0
        self._bytes = 0
        self.refusal: tuple[int, str] = (400, "This is not an HTTP request")

    def next_event(self) -> Any:
        """Return the next event. Raises `h11.RemoteProtocolError`; the connection must then be closed."""
        try:
            event = super().next_event()
        except h11.RemoteProtocolError as error:
            status = error.error_status_hint
            if status == 431:
                self.refusal = (431, f"The head of a request must have at most {HEAD_AT_MOST_BYTES:,} bytes")
            elif status != 400:
                self.refusal = (status, str(error))
            raise
        if isinstance(event, h11.Request):
            self._parts = self._bytes = 0
            self._check_head(event)
        elif isinstance(event, h11.Data):
            self._parts += 1
            self._bytes += len(event.data)
            if self._parts > _PARTS_AT_LEAST and self._bytes < self._parts * _PART_AT_LEAST_BYTES:
                self._refuse(400, "The body has too many small parts")
        return event

    def _check_head(self, request: h11.Request) -> None:
        names = [name for name, _ in request.headers]
        if not request.http_version.startswith(b"1."):
            self._refuse(505, "The facade speaks HTTP/1.1 and HTTP/1.0 only")
        size = len(request.target) + sum(len(name) + len(value) + 4 for name, value in request.headers)
        if size > HEAD_AT_MOST_BYTES or len(names) > _FIELDS_AT_MOST:
            limits = f"{HEAD_AT_MOST_BYTES:,} bytes and {_FIELDS_AT_MOST} fields"
            self._refuse(431, f"The head of a request must have at most {limits}")
        if b"transfer-encoding" in names and b"content-length" in names:
            self._refuse(400, "A request must not have both Content-Length and Transfer-Encoding")
        if b"transfer-encoding" in names and request.http_version < b"1.1":
            self._refuse(400, "HTTP/1.0 has no Transfer-Encoding")

    def _refuse(self, status: int, words: str) -> None:
        self.refusal = (status, words)
        raise h11.RemoteProtocolError(words, error_status_hint=status)


class _StrictBuffer(ReceiveBuffer):
    """The bytes that have arrived and were not read.

    A line of a head or a trailer must end with CR and LF, and must not continue in the next line (RFC 9112, 5.2).
    """

    def maybe_extract_lines(self) -> list[bytearray] | None:
        end = 0 if self._data.startswith(b"\r\n") else self._data.find(b"\r\n\r\n")
        if _BAD_LINE_END.search(self._data, 0, len(self._data) if end < 0 else end):
            raise h11.LocalProtocolError("a line ends with LF alone, or continues in the next one")
        return super().maybe_extract_lines()


_FILES_BESIDE = 64
"""Open files beside the connections: the database, folders, logs."""
_REFUSED_AT_MOST = 32
_REFUSED_S = 1.0
"""How long a refused connection stays open, so that its caller can read why, and how many may do so."""


@dataclass(kw_only=True, slots=True)
class Connections:
    """The limits and the counters that the connections of one process share."""

    at_most: int
    head_within_s: float
    send_within_s: float
    idle: "dict[LimitedProtocol, None]" = field(default_factory=dict)
    """The connections without a request under way; the one that is idle for the longest time comes first."""
    refused: int = 0

    @classmethod
    def of(cls, settings: PublisherSettings) -> "Connections":
        """Return the limits of the settings, or lower ones if the process may not open so many files.

        Raises the process's soft limit of open files as far as is needed and allowed.
        """
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = settings.max_connections * 4 // 3 + _FILES_BESIDE
        files = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY and soft < files:
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
        # A quarter is left for the files that are being sent, and for connections that were accepted a moment ago.
        at_most = max(1, min(settings.max_connections, (files - _FILES_BESIDE) * 3 // 4))
        return cls(at_most=at_most, head_within_s=settings.head_within_s, send_within_s=settings.send_within_s)


class LimitedProtocol(H11Protocol):
    """One connection, with its deadlines."""

    def __init__(self, shared: Connections, **uvicorn_s: Any) -> None:
        super().__init__(**uvicorn_s)
        self.conn: StrictConnection = StrictConnection()
        self._shared = shared
        self._deadline: asyncio.TimerHandle | None = None
        self._is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._update_idleness()
        if len(self.connections) > self._shared.at_most:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_clock()
        self._shared.idle.pop(self, None)
        if self._is_refused:
            self._shared.refused -= 1

    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            return
        super().data_received(data)
        self._update_idleness()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._update_idleness()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self not in self._shared.idle:
            self._start_clock(self._shared.send_within_s, self._abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self not in self._shared.idle:
            self._stop_clock()

    def send_400_response(self, msg: str) -> None:
        status, words = self.conn.refusal
        self._refuse(status, words or msg)

    def _update_idleness(self) -> None:
        """Start the clock when no request is under way, and stop it when one is."""
        if self.conn.our_state in (h11.SEND_RESPONSE, h11.SEND_BODY):
            if self._shared.idle.pop(self, self) is None:
                self._stop_clock()
        elif self not in self._shared.idle and self in self.connections:
            self._shared.idle[self] = None
            self._start_clock(self._shared.head_within_s, self._end_idleness)

    def _start_clock(self, seconds: float, then: Callable[[], None]) -> None:
        self._stop_clock()
        self._deadline = self.loop.call_later(seconds, then)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end_idleness(self) -> None:
        """Close a connection that sent no whole head in time, and abort it if its last answer can't be flushed."""
        if not self.transport.is_closing():
            self.transport.close()
        self._start_clock(self._shared.send_within_s, self._abort)

    def _abort(self) -> None:
        logger.info("connection stalled", extra={"action": "connection_stalled"})
        self.transport.abort()

    def _make_room(self) -> None:
        """Close the connection that is idle for the longest time; refuse this one if all others are at work."""
        oldest = next(iter(self._shared.idle))
        if oldest is not self:
            del self._shared.idle[oldest]
            oldest.transport.abort()
            return
        logger.warning(
            "too many connections", extra={"action": "connection_refused", "connections": len(self.connections)}
        )
        if self._shared.refused >= _REFUSED_AT_MOST:
            self.transport.abort()
            return
        self._is_refused = True
        self._shared.refused += 1
        self._refuse(503, "Too many connections are open; try again later", linger=True)
        self._start_clock(_REFUSED_S, self.transport.abort)

    def _refuse(self, status: int, words: str, *, linger: bool = False) -> None:
        """Answer outside of any request, and close. If an answer is under way already, only close."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()
            return
        logger.info("connection refused", extra={"action": "http_refused", "status": status, "reason": words})
        body = refusal_json(status, words)
        headers = [
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("connection", "close"),
            *([("retry-after", "5")] if status == 503 else []),
        ]
        for event in (
            h11.Response(status_code=status, headers=headers, reason=STATUS_PHRASES[status]),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        if linger and self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()
