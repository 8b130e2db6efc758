"""The clients of Google's library, one per location, and the polls, which go without it.

The first call loads the library in a thread (1.3 s). It needs much processor time to write a request, most of it to
inspect its own type hints. So the two documented polls are built without it, and it reads their answer only if an
operation has ended.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx

from infra.gcp.vertex.failures import refusal_of
from infra.gcp.vertex.models import GLOBAL
from infra.gcp.vertex.operations import Location, Operation
from infra.gcp.vertex.tokens import Tokens
from infra.paid.transport import ANSWER_S, PaidTransport, Unauthenticated

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.genai.client import AsyncClient, Client

logger = logging.getLogger(__name__)

_API = "v1beta1"
_MULTI_REGIONS = ("eu", "us")
PollBuilder = Callable[[str, Operation], httpx.Request]
"""Builds the poll of an operation at the API's address."""


class VertexClassifier:
    """The `AnswerClassifier`: what the answers of Vertex AI mean."""

    name = "Vertex AI"
    refusal_of = staticmethod(refusal_of)

    def operation_name(self, answer: Mapping[str, Any]) -> str:
        """Return the id of an interaction, or the name of a prediction; empty if there is none."""
        return next((answer[key] for key in ("id", "name") if isinstance(answer.get(key), str) and answer[key]), "")


class Clients:
    """Asynchronous clients of google-genai that send every request through a `PaidTransport`."""

    def __init__(self, *, base_url: str = "") -> None:
        # The library reads the same variable: submits and polls must go to the same place.
        self._base_url = base_url or os.environ.get("GOOGLE_VERTEX_BASE_URL", "")
        # A token is never sent over an unencrypted connection.
        self._tokens = Tokens(anonymous=self._base_url.startswith("http://"))
        self._clients: dict[Location, Client] = {}
        self._http: httpx.AsyncClient | None = None
        self._transport: PaidTransport | None = None
        self._lock = asyncio.Lock()

    async def at(self, location: Location) -> "AsyncClient":
        """Return the client of a location, with a valid token. Raises `SubmitRefused` if there is no token."""
        credentials = await self._tokens.fresh()
        transport = await self._open_transport()
        async with self._lock:
            if location not in self._clients:
                self._http = self._http or httpx.AsyncClient(transport=transport)
                open_client = partial(_open_client, location, credentials, self._http, self._base_url)
                self._clients[location] = await asyncio.to_thread(open_client)
        return self._clients[location].aio

    async def poll(self, operation: Operation, build_request: PollBuilder) -> bytes:
        """Send the poll that `build_request` builds for the API's address, and return the answer.

        If Google refuses the access token, send it once more with a new one. Raises as `at` and as
        `PaidTransport.poll`.
        """
        try:
            return await self._send_poll(operation, build_request)
        except Unauthenticated:
            await self.renew_token()
        return await self._send_poll(operation, build_request)

    async def _send_poll(self, operation: Operation, build_request: PollBuilder) -> bytes:
        credentials = await self._tokens.fresh()
        transport = await self._open_transport()
        base_url = self._base_url.rstrip("/") or endpoint_of(operation.location)
        request = build_request(f"{base_url}/{_API}", operation)
        request.headers["authorization"] = f"Bearer {credentials.token}"
        if credentials.quota_project_id:
            request.headers["x-goog-user-project"] = credentials.quota_project_id
        return await transport.poll(request)

    async def renew_token(self) -> None:
        """Replace the access token that Google refused last. Raises `SubmitRefused`."""
        logger.warning("an access token was refused", extra={"action": "token_refused"})
        if self._transport:
            await self._tokens.renew(self._transport.refused_token)

    async def aclose(self) -> None:
        """Close the connections."""
        for client in self._clients.values():
            client.close()
        if self._http:
            await self._http.aclose()
        if self._transport:
            await self._transport.aclose()

    async def _open_transport(self) -> PaidTransport:
        async with self._lock:
            if self._transport is None:
                self._transport = await asyncio.to_thread(PaidTransport, VertexClassifier())
            return self._transport


def endpoint_of(location: Location) -> str:
    """Return the address of Vertex AI for a location, without a slash at its end."""
    region = location.location
    if region == GLOBAL:
        return "https://aiplatform.googleapis.com"
    if region in _MULTI_REGIONS:
        return f"https://aiplatform.{region}.rep.googleapis.com"
    return f"https://{region}-aiplatform.googleapis.com"


def _open_client(location: Location, credentials: "Credentials", http: httpx.AsyncClient, base_url: str) -> "Client":
    from google import genai
    from google.genai.types import HttpOptions, HttpRetryOptions

    client = genai.Client(
        vertexai=True,
        project=location.project,
        location=location.location,
        credentials=credentials,
        http_options=HttpOptions(
            api_version=_API,
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
