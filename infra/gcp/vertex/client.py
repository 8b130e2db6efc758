"""The clients of Google's library, one per location. The first call loads the library in a thread (1.3 s)."""

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
    """Asynchronous clients of google-genai that send every request through `VertexTransport`."""

    def __init__(self, *, base_url: str = "") -> None:
        self._base_url = base_url
        # A token is never sent over an unencrypted connection.
        self._tokens = Tokens(anonymous=base_url.startswith("http://"))
        self._clients: dict[Location, Client] = {}
        self._transport: VertexTransport | None = None
        self._http: httpx.AsyncClient | None = None
        self._lock = asyncio.Lock()

    async def at(self, location: Location) -> "AsyncClient":
        """Return the client of a location, with a valid token. Raises `SubmitRefused` if there is no token."""
        credentials = await self._tokens.fresh()
        async with self._lock:
            if location not in self._clients:
                if self._http is None:
                    self._transport = await asyncio.to_thread(VertexTransport)
                    self._http = httpx.AsyncClient(transport=self._transport)
                open_client = partial(_open_client, location, credentials, self._http, self._base_url)
                self._clients[location] = await asyncio.to_thread(open_client)
        return self._clients[location].aio

    async def renew_token(self) -> None:
        """Replace the access token that Google refused last. Raises `SubmitRefused`."""
        if self._transport:
            await self._tokens.renew(self._transport.refused_token)

    async def send_poll(self, templates: PollTemplates, operation: Operation) -> bytes | None:
        """Send a poll from a template and return the answer; None if the library must write it. Raises as `at` and as a
        poll."""
        token = (await self._tokens.fresh()).token
        request = templates.request(operation, token) if self._transport and token else None
        return await self._transport.poll(request) if self._transport and request else None

    async def aclose(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()
        if self._http:
            await self._http.aclose()


def _open_client(location: Location, credentials: "Credentials", http: httpx.AsyncClient, base_url: str) -> "Client":
    from google import genai
    from google.genai.types import HttpOptions, HttpRetryOptions

    client = genai.Client(
        vertexai=True,
        project=location.project,
        location=location.location,
        credentials=credentials,
        http_options=HttpOptions(
            base_url=base_url or None,
            httpx_async_client=http,
            # One attempt, and retries only for a status that no API returns: with these options alone both families
            # sent one request on the wire. The transport does not rely on it.
            retry_options=HttpRetryOptions(attempts=1, http_status_codes=[418]),
            timeout=round(ANSWER_S * 1000),
        ),
    )
    _ = client.aio.interactions  # loads modules for 0.4 s, here instead of on the event loop
    return client
