"""The HTTP transport to a provider: it sends a paid request once, on a new connection, and polls over kept connections.

It classifies the answers to paid requests itself, below the client library, so that the library never sees an answer
after which it would send again. With its default options google-genai's interactions client repeats a request after a
503 (observed on the wire: the second request was accepted), and its other client repeats one after a connection reset
if aiohttp can be imported.
"""

import asyncio
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

import httpx

from infra.paid.failures import answer_lost_failure, not_sent_failure, object_of, unclear_answer_failure
from infra.paid.permit import take_permit
from infra.paid.proxies import Proxies
from schemas.errors import Failure, NotFound, SubmitRefused, SubmitUnknown, Unavailable

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
_POLL_TIMEOUT = httpx.Timeout(POLL_S, connect=CONNECT_S).as_dict()
_BROKEN = (httpx.HTTPError, OSError)
_ONE_CONNECTION = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=30)


class AnswerClassifier(Protocol):
    """What the answers of a provider mean."""

    name: str
    """As messages name it."""

    def operation_name(self, answer: Mapping[str, Any]) -> str:
        """Return the name of the operation that a good answer to a submit names; empty if it names none."""

    def refusal_of(
        self, status: int, body: bytes, texts: Sequence[str] = (), *, comes_again: bool = False
    ) -> Failure | None:
        """Return the failure if an answer to a submit says that certainly nothing was accepted; None in every doubt.

        `texts` are the caller's, which the answer may quote. `comes_again` is true if it says when to send again.
        """


class Unauthenticated(Unavailable):
    """The provider refused the access token of a poll."""


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


class PaidTransport(httpx.AsyncBaseTransport):
    """Send what a client library writes, and raise our own error for every answer but a good one.

    Whatever the library sends is taken for a paid request: nothing leaves without a permit. Polls do not come from the
    library: the adapter builds them and sends them with `poll`.
    """

    def __init__(self, classifier: AnswerClassifier) -> None:
        self._classifier = classifier
        self._tls = httpx.create_ssl_context()
        self._proxies = Proxies()
        self._polls = PollConnections(self._tls, self._proxies, most=POLLS_AT_ONCE)
        self.refused_token = ""
        """The last access token to which the provider answered 401."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the one request of the current permit. Raises `SubmitRefused` and `SubmitUnknown`."""
        received = _RECEIVED.get()
        if received is not None:
            return _response(request, received)
        permit = take_permit()
        request.extensions["trace"] = permit.watch
        request.extensions["timeout"] = httpx.Timeout(ANSWER_S, connect=CONNECT_S).as_dict()
        try:
            proxy = self._proxies.proxy_for(request.url.scheme, request.url.netloc.decode("ascii"))
            # A new connection: a kept one may be dead, and the loss of the request would be the first sign.
            new_connection = httpx.AsyncHTTPTransport(verify=self._tls, proxy=proxy)
            async with asyncio.timeout(REACH_S) as permit.reaching, new_connection as connection:
                response = await connection.handle_async_request(request)
                body = await response.aread()
        except _BROKEN as error:
            if permit.sent:
                raise SubmitUnknown(answer_lost_failure(error)) from error
            raise SubmitRefused(not_sent_failure(error)) from error
        self._note_refused_token(request, response)
        permit.accepted = self._classifier.operation_name(object_of(body)) if response.is_success else ""
        if permit.accepted:
            return _response(request, body)
        wait_s = retry_after_s(response.headers, at_most_s=SUBMIT_AT_MOST_S)
        refusal = self._classifier.refusal_of(response.status_code, body, permit.texts, comes_again=wait_s is not None)
        if refusal:
            raise SubmitRefused(refusal, retry_after_s=wait_s)
        raise SubmitUnknown(unclear_answer_failure(response.status_code))

    async def poll(self, request: httpx.Request) -> bytes:
        """Send a poll and return the body of a good answer. Raises `NotFound`, `Unauthenticated` and `Unavailable`."""
        request.extensions["timeout"] = _POLL_TIMEOUT
        provider = self._classifier.name
        try:
            answer = await self._polls.exchange(request)
        except _BROKEN as error:
            raise Unavailable(f"{provider} can't be reached ({type(error).__name__})") from error
        self._note_refused_token(request, answer)
        status = answer.status_code
        if status == 404:
            raise NotFound(f"{provider} does not know this operation")
        words = f"{provider} answered a poll with HTTP {status}"
        if status == 401:
            raise Unauthenticated(words)
        if not answer.is_success or not object_of(answer.content):
            wait_s = retry_after_s(answer.headers, at_most_s=POLL_AT_MOST_S)
            raise Unavailable(words) if wait_s is None else Unavailable(words, retry_after_s=wait_s)
        return answer.content

    async def aclose(self) -> None:
        """Close the connections for polls."""
        await self._polls.aclose()

    def _note_refused_token(self, request: httpx.Request, answer: httpx.Response) -> None:
        if answer.status_code == 401:
            self.refused_token = request.headers.get("authorization", "").removeprefix("Bearer ")


_RECEIVED: ContextVar[bytes | None] = ContextVar("RECEIVED", default=None)


@contextmanager
def reply_with(body: bytes) -> Iterator[None]:
    """Answer the requests of a client library in this context with a body that was received already.

    So a library reads the answer to a poll that the adapter sent.
    """
    token = _RECEIVED.set(body)
    try:
        yield
    finally:
        _RECEIVED.reset(token)


def _response(request: httpx.Request, body: bytes) -> httpx.Response:
    """Build the response for the library. The body is decoded already, so the content type is its only header."""
    return httpx.Response(200, headers={"content-type": "application/json"}, content=body, request=request)


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
