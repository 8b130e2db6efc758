"""The HTTP transport to Vertex AI: it sends a paid request once, on a new connection, and polls over kept connections.

It classifies the answers to paid requests itself, below the client library, so that the library never sees an answer
after which it would send again. With its default options google-genai's interactions client repeats a request after a
503 (observed on the wire: the second request was accepted), and its other client repeats one after a connection reset
if aiohttp can be imported.

A paid request needs a permit. The permit is passed in a context variable, because the client library stands between the
adapter, which issues the permit, and the transport, which consumes it.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from infra.gcp.vertex.failures import (
    NOT_SENT_IN_TIME,
    SENT_TWICE,
    answer_lost_failure,
    not_sent_failure,
    object_of,
    refusal_of,
    unclear_answer_failure,
)
from infra.gcp.vertex.polling import CURRENT_CAPTURE
from infra.gcp.vertex.proxies import Proxies
from infra.gcp.vertex.tokens import Unauthenticated
from schemas.errors import NotFound, SubmitRefused, SubmitUnknown, Unavailable

REACH_S = 10.0
"""The limit until the first byte of a paid request, including proxy and TLS."""
CONNECT_S = 8.0
"""Shorter than the time in which a submit may be sent."""
ANSWER_S = 25.0
POLL_S = 20.0
POLLS_AT_ONCE = 32
"""For thousands of jobs."""
SUBMIT_AT_MOST_S = 600.0
POLL_AT_MOST_S = 120.0
"""The longest accepted `Retry-After` of a poll, so that a finished paid video does not wait longer."""
_PAID = (":predictLongRunning", "/interactions")
_POLL_TIMEOUT = httpx.Timeout(POLL_S, connect=CONNECT_S).as_dict()
_BROKEN = (httpx.HTTPError, OSError)
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


CURRENT_PERMIT: ContextVar[SubmitPermit | None] = ContextVar("PERMITTED", default=None)


_ONE_CONNECTION = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=30)


class PollConnections:
    """The connections for polls. At most `most` requests run at once; further ones wait, without a time-out.

    They are few and kept, and the one that was used last is used first. Each is a pool of its own: a common pool checks
    every connection for every request, the idle ones with a system call. With 32 connections that was 40 % of the
    processor time of a worker that polls for 1,000 jobs.
    """

    def __init__(self, tls: ssl.SSLContext, proxies: Proxies, *, most: int) -> None:
        self._tls, self._proxies = tls, proxies
        self._slots = asyncio.Semaphore(most)
        self._free: dict[str | None, list[httpx.AsyncHTTPTransport]] = {}
        """Idle connections, by the proxy that they use."""

    async def exchange(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read the whole answer. Raises the errors of httpx."""
        proxy = self._proxies.proxy_for(request.url.scheme, request.url.netloc.decode("ascii"))
        free = self._free.setdefault(proxy, [])
        async with self._slots:
            connection = (
                free.pop() if free else httpx.AsyncHTTPTransport(verify=self._tls, limits=_ONE_CONNECTION, proxy=proxy)
            )
            try:
                response = await connection.handle_async_request(request)
                await response.aread()
                return response
            finally:
                free.append(connection)

    async def aclose(self) -> None:
        """Close the idle connections."""
        for free in self._free.values():
            while free:
                await free.pop().aclose()


def retry_after_s(headers: Mapping[str, str], *, at_most_s: float) -> float | None:
    """Read `Retry-After` (RFC 9110, 10.2.3), seconds or a date, as seconds from now; None if it is absent or
    unreadable.

    A date is compared with the server's own `Date`, because the clock of this machine may be wrong.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), at_most_s)
    until = _parse_date(value)
    if until is None:
        return None
    now = _parse_date(headers.get("date", "")) or datetime.now(UTC)
    return min(max(0.0, (until - now).total_seconds()), at_most_s)


def _parse_date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


class VertexTransport(httpx.AsyncBaseTransport):
    """Pass a good answer to the client library, and raise our own error for any other."""

    def __init__(self) -> None:
        self._tls = httpx.create_ssl_context()
        self._proxies = Proxies()
        self._polls = PollConnections(self._tls, self._proxies, most=POLLS_AT_ONCE)
        self.refused_token = ""
        """The last access token to which Google answered 401."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request.

        A paid one raises `SubmitRefused` or `SubmitUnknown`, any other `NotFound` or `Unavailable`.
        """
        if request.method == "POST" and request.url.path.endswith(_PAID):
            return await self._pay(request, _consume_permit())
        capture = CURRENT_CAPTURE.get()
        if capture:
            capture.written = request
        known = capture.answer if capture else None
        return _response(request, known if known is not None else await self.poll(request))

    async def poll(self, request: httpx.Request) -> bytes:
        """Send a poll and return the body of a good answer. Raises `NotFound` and `Unavailable`."""
        request.extensions["timeout"] = _POLL_TIMEOUT
        with _translate_poll_errors():
            answer = await self._polls.exchange(request)
        self._note_refused_token(request, answer)
        return _poll_body(answer)

    async def _pay(self, request: httpx.Request, permit: SubmitPermit) -> httpx.Response:
        request.extensions["trace"] = permit.watch
        request.extensions["timeout"] = httpx.Timeout(ANSWER_S, connect=CONNECT_S).as_dict()
        with _translate_submit_errors(permit):
            async with asyncio.timeout(REACH_S) as permit.reaching, self._new_connection(request) as connection:
                response = await connection.handle_async_request(request)
                body = await response.aread()
        self._note_refused_token(request, response)
        permit.accepted = _operation_name(object_of(body)) if response.status_code == 200 else ""
        if permit.accepted:
            return _response(request, body)
        wait_s = retry_after_s(response.headers, at_most_s=SUBMIT_AT_MOST_S)
        if refusal := refusal_of(response.status_code, body, permit.texts, comes_again=wait_s is not None):
            raise SubmitRefused(refusal, retry_after_s=wait_s)
        raise SubmitUnknown(unclear_answer_failure(response.status_code))

    def _note_refused_token(self, request: httpx.Request, answer: httpx.Response) -> None:
        if answer.status_code == 401:
            self.refused_token = request.headers.get("authorization", "").removeprefix("Bearer ")

    @asynccontextmanager
    async def _new_connection(self, request: httpx.Request) -> AsyncIterator[httpx.AsyncHTTPTransport]:
        """Open a new connection: a kept one may be dead, and the loss of the request would be the first sign."""
        proxy = self._proxies.proxy_for(request.url.scheme, request.url.netloc.decode("ascii"))
        async with httpx.AsyncHTTPTransport(verify=self._tls, proxy=proxy) as connection:
            yield connection

    async def aclose(self) -> None:
        await self._polls.aclose()


def _consume_permit() -> SubmitPermit:
    permit = CURRENT_PERMIT.get()
    if permit is None or permit.used:
        raise SubmitUnknown(SENT_TWICE)
    permit.used = True
    return permit


@contextmanager
def _translate_submit_errors(permit: SubmitPermit) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise (
            SubmitUnknown(answer_lost_failure(error)) if permit.sent else SubmitRefused(not_sent_failure(error))
        ) from error


@contextmanager
def _translate_poll_errors() -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise Unavailable(f"Vertex AI can't be reached ({type(error).__name__})") from error


def _poll_body(answer: httpx.Response) -> bytes:
    status = answer.status_code
    words = f"Vertex AI answered a poll with HTTP {status}"
    if status == 404:
        raise NotFound("Vertex AI does not know this operation")
    if status == 401:
        raise Unauthenticated(words)
    if status != 200 or not object_of(answer.content):
        wait_s = retry_after_s(answer.headers, at_most_s=POLL_AT_MOST_S)
        raise Unavailable(words) if wait_s is None else Unavailable(words, retry_after_s=wait_s)
    return answer.content


def _operation_name(answer: dict[str, Any]) -> str:
    return next((answer[key] for key in ("id", "name") if isinstance(answer.get(key), str) and answer[key]), "")


def _response(request: httpx.Request, body: bytes) -> httpx.Response:
    """Build the response for the library. The body is decoded already, so the content type is its only header."""
    return httpx.Response(200, headers={"content-type": "application/json"}, content=body, request=request)
