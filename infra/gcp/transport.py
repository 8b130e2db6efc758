"""How requests to Vertex AI leave: a paid one once, on a connection of its own; a poll over a shared pool.

Paid requests are judged here, below the client library, so that nothing it might repeat ever reaches it. It would: with
its default options google-genai's interactions client answers a 503 by sending again (seen on the wire: the second one
was accepted), and its other client re-sends after a reset where aiohttp is importable.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx

from infra.gcp.connections import Connections
from infra.gcp.polls import ASKED
from infra.gcp.proxies import Proxies
from infra.gcp.refusals import SENT_TWICE, doubt, lost, not_sent, refusal
from infra.gcp.retry_after import POLL_AT_MOST_S, SUBMIT_AT_MOST_S, retry_after_s
from infra.gcp.ticket import PERMITTED, Ticket
from infra.gcp.tokens import Unauthenticated
from infra.gcp.words import object_of
from schemas.errors import NotFound, SubmitRefused, SubmitUnknown, Unavailable

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
        self._polls = Connections(self._tls, self._proxies, most=POLLS_AT_ONCE)
        self.refused_token = ""
        """The last access token that Google answered with a 401."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """A paid request raises `SubmitRefused` or `SubmitUnknown`, any other `NotFound` or `Unavailable`."""
        if request.method == "POST" and request.url.path.endswith(_PAID):
            return await self._pay(request, _punched())
        asked = ASKED.get()
        if asked:
            asked.written = request
        return _answer(request, asked.answer if asked and asked.answer is not None else await self.poll(request))

    async def poll(self, request: httpx.Request) -> bytes:
        """The body of a good answer. Raises `NotFound` and `Unavailable`."""
        request.extensions["timeout"] = _POLL_TIMEOUT
        with _polling():
            answer = await self._polls.exchange(request)
        self._note_refused_token(request, answer)
        return _good(answer)

    async def _pay(self, request: httpx.Request, ticket: Ticket) -> httpx.Response:
        request.extensions["trace"] = ticket.watch
        request.extensions["timeout"] = httpx.Timeout(ANSWER_S, connect=CONNECT_S).as_dict()
        with _paying(ticket):
            async with asyncio.timeout(REACH_S) as ticket.reaching, self._fresh(request) as connection:
                response = await connection.handle_async_request(request)
                body = await response.aread()
        self._note_refused_token(request, response)
        ticket.accepted = _operation_name(object_of(body)) if response.status_code == 200 else ""
        if ticket.accepted:
            return _answer(request, body)
        wait_s = retry_after_s(response.headers, at_most_s=SUBMIT_AT_MOST_S)
        if no := refusal(response.status_code, body, ticket.texts, comes_again=wait_s is not None):
            raise SubmitRefused(no, retry_after_s=wait_s)
        raise SubmitUnknown(doubt(response.status_code))

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


def _punched() -> Ticket:
    ticket = PERMITTED.get()
    if ticket is None or ticket.used:
        raise SubmitUnknown(SENT_TWICE)
    ticket.used = True
    return ticket


@contextmanager
def _paying(ticket: Ticket) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        raise (SubmitUnknown(lost(error)) if ticket.sent else SubmitRefused(not_sent(error))) from error


@contextmanager
def _polling() -> Iterator[None]:
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
