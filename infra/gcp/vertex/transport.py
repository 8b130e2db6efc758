"""How requests to Vertex AI leave: a paid one once, on a connection of its own; a poll over a shared pool.

Paid requests are judged here, below the client library, so that nothing it might repeat ever reaches it. It would: with
its default options google-genai's interactions client answers a 503 by sending again (seen on the wire: the second one
was accepted), and its other client re-sends after a reset where aiohttp is importable.

Permission for exactly one paid request, and the memory of whether it left.

It travels in a context variable: the client library stands between who asks for a paid call and who sends it.

Connections for the polls of thousands of jobs: few, kept, and the one that was used last comes first.

Each is a pool of its own. A common pool looks at every connection for every request, at the idle ones with a system
call: with 32 of them that was 40 % of the processor time of a worker that polls for 1,000 jobs.

Reads `Retry-After` (RFC 9110, 10.2.3): seconds, or a date. Google's word on when it is worth asking again.
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

FIRST_BYTE = "http11.send_request_headers.started"
"""What httpcore says when it has connected, and is about to write. Nothing of the request has left before that."""


@dataclass(slots=True)
class SubmitPermit:
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


CURRENT_PERMIT: ContextVar[SubmitPermit | None] = ContextVar("PERMITTED", default=None)


_ONE = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=30)


class PollConnections:
    """At most so many requests at once; further ones wait, without a time-out."""

    def __init__(self, tls: ssl.SSLContext, proxies: Proxies, *, most: int) -> None:
        self._tls, self._proxies = tls, proxies
        self._turns = asyncio.Semaphore(most)
        self._free: dict[str | None, list[httpx.AsyncHTTPTransport]] = {}
        """By the proxy that they go through."""

    async def exchange(self, request: httpx.Request) -> httpx.Response:
        """The answer, read to its end. Raises what httpx raises."""
        proxy = self._proxies.proxy_for(request.url.scheme, request.url.netloc.decode("ascii"))
        free = self._free.setdefault(proxy, [])
        async with self._turns:
            connection = free.pop() if free else httpx.AsyncHTTPTransport(verify=self._tls, limits=_ONE, proxy=proxy)
            try:
                response = await connection.handle_async_request(request)
                await response.aread()
                return response
            finally:
                free.append(connection)

    async def aclose(self) -> None:
        """End those that are not in use."""
        for free in self._free.values():
            while free:
                await free.pop().aclose()


SUBMIT_AT_MOST_S = 600.0
POLL_AT_MOST_S = 120.0
"""A paid video that is done does not wait longer for a header."""


def retry_after_s(headers: Mapping[str, str], *, at_most_s: float) -> float | None:
    """Seconds from now; None if the header is absent or means nothing.

    A date is compared with the server's own `Date`: the clock of this machine may be wrong.
    """
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return min(float(said[:9]), at_most_s)
    until = _moment(said)
    if until is None:
        return None
    now = _moment(headers.get("date", "")) or datetime.now(UTC)
    return min(max(0.0, (until - now).total_seconds()), at_most_s)


def _moment(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


REACH_S = 10.0
"""Until the first byte of a paid request, a proxy and TLS included."""
CONNECT_S = 8.0
"""Less than the time in which a submit may be sent at all."""
ANSWER_S = 25.0
POLL_S = 20.0
POLLS_AT_ONCE = 32
"""Of thousands of jobs."""
_PAID = (":predictLongRunning", "/interactions")
_POLL_TIMEOUT = httpx.Timeout(POLL_S, connect=CONNECT_S).as_dict()
_BROKEN = (httpx.HTTPError, OSError)


class VertexTransport(httpx.AsyncBaseTransport):
    """Raises our own errors instead of passing on anything but a good answer."""

    def __init__(self) -> None:
        self._tls = httpx.create_ssl_context()
        self._proxies = Proxies()
        self._polls = PollConnections(self._tls, self._proxies, most=POLLS_AT_ONCE)
        self.refused_token = ""
        """The last access token that Google answered with a 401."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """A paid request raises `SubmitRefused` or `SubmitUnknown`, any other `NotFound` or `Unavailable`."""
        if request.method == "POST" and request.url.path.endswith(_PAID):
            return await self._pay(request, _consume_permit())
        asked = CURRENT_CAPTURE.get()
        if asked:
            asked.written = request
        return _answer(request, asked.answer if asked and asked.answer is not None else await self.poll(request))

    async def poll(self, request: httpx.Request) -> bytes:
        """The body of a good answer. Raises `NotFound` and `Unavailable`."""
        request.extensions["timeout"] = _POLL_TIMEOUT
        with _translate_poll_errors():
            answer = await self._polls.exchange(request)
        self._note_refused_token(request, answer)
        return _good(answer)

    async def _pay(self, request: httpx.Request, ticket: SubmitPermit) -> httpx.Response:
        request.extensions["trace"] = ticket.watch
        request.extensions["timeout"] = httpx.Timeout(ANSWER_S, connect=CONNECT_S).as_dict()
        with _translate_submit_errors(ticket):
            async with asyncio.timeout(REACH_S) as ticket.reaching, self._fresh(request) as connection:
                response = await connection.handle_async_request(request)
                body = await response.aread()
        self._note_refused_token(request, response)
        ticket.accepted = _operation_name(object_of(body)) if response.status_code == 200 else ""
        if ticket.accepted:
            return _answer(request, body)
        wait_s = retry_after_s(response.headers, at_most_s=SUBMIT_AT_MOST_S)
        if no := refusal_of(response.status_code, body, ticket.texts, comes_again=wait_s is not None):
            raise SubmitRefused(no, retry_after_s=wait_s)
        raise SubmitUnknown(unclear_answer_failure(response.status_code))

    def _note_refused_token(self, request: httpx.Request, answer: httpx.Response) -> None:
        if answer.status_code == 401:
            self.refused_token = request.headers.get("authorization", "").removeprefix("Bearer ")

    @asynccontextmanager
    async def _fresh(self, request: httpx.Request) -> AsyncIterator[httpx.AsyncHTTPTransport]:
        """A pooled connection may be dead already, which only the loss of a request would tell."""
        proxy = self._proxies.proxy_for(request.url.scheme, request.url.netloc.decode("ascii"))
        async with httpx.AsyncHTTPTransport(verify=self._tls, proxy=proxy) as connection:
            yield connection

    async def aclose(self) -> None:
        await self._polls.aclose()


def _consume_permit() -> SubmitPermit:
    ticket = CURRENT_PERMIT.get()
    if ticket is None or ticket.used:
        raise SubmitUnknown(SENT_TWICE)
    ticket.used = True
    return ticket


@contextmanager
def _translate_submit_errors(ticket: SubmitPermit) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise (
            SubmitUnknown(answer_lost_failure(error)) if ticket.sent else SubmitRefused(not_sent_failure(error))
        ) from error


@contextmanager
def _translate_poll_errors() -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise Unavailable(f"Vertex AI can't be reached ({type(error).__name__})") from error


def _good(answer: httpx.Response) -> bytes:
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


def _answer(request: httpx.Request, body: bytes) -> httpx.Response:
    """Read and decoded already: only its type is left of its headers."""
    return httpx.Response(200, headers={"content-type": "application/json"}, content=body, request=request)
