"""HTTP/1.1 as RFC 9112 has it: what two servers could read in two ways is refused, and a head has a limit."""

import re
from typing import Any

import h11
from h11._receivebuffer import ReceiveBuffer

HEAD_AT_MOST_BYTES = 32_768
_FIELDS_AT_MOST = 200
_PARTS_AT_LEAST = 1_000
_PART_AT_LEAST_BYTES = 16
"""A body in a thousand and more parts must not come byte by byte: each part costs as much as kilobytes."""
_BARE_LF = re.compile(rb"(?<!\r)\n")


class StrictConnection(h11.Connection):
    """The server's side of a connection. `refusal` says with which status and why a request was refused."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, HEAD_AT_MOST_BYTES)
        self._receive_buffer = _StrictBuffer()
        self._parts = 0
        self._bytes = 0
        self.refusal: tuple[int, str] = (400, "This is no HTTP request")

    def next_event(self) -> Any:
        """Raises `h11.RemoteProtocolError`, after which the connection is of no use."""
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
            self._check_part(len(event.data))
        return event

    def _check_head(self, request: h11.Request) -> None:
        names = [name for name, _ in request.headers]
        size = len(request.target) + sum(len(name) + len(value) + 4 for name, value in request.headers)
        if size > HEAD_AT_MOST_BYTES or len(names) > _FIELDS_AT_MOST:
            limits = f"{HEAD_AT_MOST_BYTES:,} bytes and {_FIELDS_AT_MOST} fields"
            self._refuse(431, f"The head of a request must have at most {limits}")
        if b"transfer-encoding" in names and b"content-length" in names:
            self._refuse(400, "A request must not have both Content-Length and Transfer-Encoding")
        if b"transfer-encoding" in names and request.http_version < b"1.1":
            self._refuse(400, "HTTP/1.0 has no Transfer-Encoding")

    def _check_part(self, size: int) -> None:
        self._parts += 1
        self._bytes += size
        if self._parts > _PARTS_AT_LEAST and self._bytes < self._parts * _PART_AT_LEAST_BYTES:
            self._refuse(400, "The body comes in too many small parts")

    def _refuse(self, status: int, words: str) -> None:
        self.refusal = (status, words)
        raise h11.RemoteProtocolError(words, error_status_hint=status)


class _StrictBuffer(ReceiveBuffer):
    """What came in and was not read yet. A bare LF ends no line of a head or a trailer."""

    def maybe_extract_lines(self) -> list[bytearray] | None:
        end = 0 if self._data.startswith(b"\r\n") else self._data.find(b"\r\n\r\n")
        if _BARE_LF.search(self._data, 0, len(self._data) if end < 0 else end):
            raise h11.LocalProtocolError("a line ends with LF alone")
        return super().maybe_extract_lines()
