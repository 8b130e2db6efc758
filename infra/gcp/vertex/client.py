"""Google's own client library, loaded with the first call and off the loop (1.3 s), one client per place."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import httpx

from infra.gcp.vertex.operations import Location, Operation
from infra.gcp.vertex.polling import PollTemplates
from infra.gcp.vertex.tokens import Tokens
from infra.gcp.vertex.transport import ANSWER_S, VertexTransport

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.genai.client import AsyncClient, Client


class Clients:
    """Async clients of google-genai whose requests all leave through `VertexTransport`."""

    def __init__(self, *, base_url: str = "") -> None:
        self._base_url = base_url
        # A token is never shown to whoever listens on a plain connection.
        self._tokens = Tokens(anonymous=base_url.startswith("http://"))
        self._clients: dict[Location, Client] = {}
        self._transport: VertexTransport | None = None
        self._http: httpx.AsyncClient | None = None
        self._turn = asyncio.Lock()

    async def at(self, place: Location) -> "AsyncClient":
        """The client for a place, its token fresh. Raises `SubmitRefused` where there is none."""
        credentials = await self._tokens.fresh()
        async with self._turn:
            if place not in self._clients:
                if self._http is None:
                    self._transport = await asyncio.to_thread(VertexTransport)
                    self._http = httpx.AsyncClient(transport=self._transport)
                opened = partial(_open_client, place, credentials, self._http, self._base_url)
                self._clients[place] = await asyncio.to_thread(opened)
        return self._clients[place].aio

    async def renew_token(self) -> None:
        """Fetch another access token instead of the one that Google refused last. Raises `SubmitRefused`."""
        if self._transport:
            await self._tokens.renew(self._transport.refused_token)

    async def send_poll(self, patterns: PollTemplates, operation: Operation) -> bytes | None:
        """The answer to a poll that the library need not write; None where it must. Raises as `at`, and as a poll."""
        token = (await self._tokens.fresh()).token
        request = patterns.request(operation, token) if self._transport and token else None
        return await self._transport.poll(request) if self._transport and request else None

    async def aclose(self) -> None:
        """Ends the connections."""
        for client in self._clients.values():
            client.close()
        if self._http:
            await self._http.aclose()


def _open_client(place: Location, credentials: "Credentials", http: httpx.AsyncClient, base_url: str) -> "Client":
    from google import genai
    from google.genai.types import HttpOptions, HttpRetryOptions

    client = genai.Client(
        vertexai=True,
        project=place.project,
        location=place.location,
        credentials=credentials,
        http_options=HttpOptions(
            base_url=base_url or None,
            httpx_async_client=http,
            # One attempt, and only for a status that no API gives: on the wire these options alone gave one request for
            # both families. The transport does not rely on it.
            retry_options=HttpRetryOptions(attempts=1, http_status_codes=[418]),
            timeout=round(ANSWER_S * 1000),
        ),
    )
    _ = client.aio.interactions  # loads 0.4 s worth of modules, here rather than on the loop
    return client
