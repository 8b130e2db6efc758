"""Google's own client library, loaded with the first call and off the loop (1.3 s), one client per place.

Access tokens for Vertex AI, fresh before every call and never fetched on the event loop.

Which proxy leads to Vertex AI: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, read as for Cloud Storage.

This machine itself is never asked through a proxy.
"""

import asyncio
import math
import os
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

from infra.gcp.vertex.failures import no_token_failure
from infra.gcp.vertex.operations import Location, Operation
from infra.gcp.vertex.polling import PollTemplates
from infra.gcp.vertex.transport import ANSWER_S, VertexTransport
from schemas.errors import Invalid, SubmitRefused, Unavailable

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.genai.client import AsyncClient, Client


SCOPE = "https://www.googleapis.com/auth/cloud-platform"
FETCH_S = 8.0


RENEW_EVERY_S = 5.0
"""A new token that is refused as well is not renewed for each of a thousand polls."""


class Unauthenticated(Unavailable):
    """Google refused the access token of a poll."""


class Tokens:
    """The credentials of this process: its Application Default Credentials, found with the first call."""

    def __init__(self, *, anonymous: bool) -> None:
        self._anonymous = anonymous
        self._credentials: Credentials | None = None
        self._turn = asyncio.Lock()
        self._renewed_at = -math.inf

    async def fresh(self) -> "Credentials":
        """Credentials whose token holds for the next minutes. Raises `SubmitRefused`: nothing can be sent."""
        if self._credentials and self._credentials.valid:
            return self._credentials
        async with self._turn:
            try:
                async with asyncio.timeout(FETCH_S):
                    return await asyncio.to_thread(self._refresh_credentials)
            except TimeoutError as error:
                raise SubmitRefused(no_token_failure(error, retryable=True)) from error

    async def renew(self, refused: str) -> None:
        """Fetch another token instead of a refused one, unless that was just done. Raises `SubmitRefused`."""
        async with self._turn:
            now = asyncio.get_running_loop().time()
            held = self._credentials
            if self._anonymous or held is None or now < self._renewed_at + RENEW_EVERY_S or held.token != refused:
                return
            self._renewed_at = now
            held.token = None  # `valid` is false from here on
        await self.fresh()

    def _refresh_credentials(self) -> "Credentials":
        from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError

        try:
            self._credentials = self._credentials or self._find_credentials()
            if not self._credentials.valid:
                _refresh(self._credentials)
        except GoogleAuthError as error:
            lasting = isinstance(error, DefaultCredentialsError)
            raise SubmitRefused(no_token_failure(error, retryable=not lasting)) from error
        return self._credentials

    def _find_credentials(self) -> "Credentials":
        if self._anonymous:
            from google.oauth2.credentials import Credentials as Static

            return Static("anonymous")  # type: ignore[no-untyped-call]
        from google.auth import default

        found: Credentials = default(scopes=[SCOPE])[0]
        return found


def _refresh(credentials: "Credentials") -> None:
    from google.auth.transport.requests import Request

    credentials.refresh(Request())  # type: ignore[no-untyped-call]


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


class Proxies:
    """The proxies of this process's environment, looked up once for each host."""

    def __init__(self) -> None:
        """Block for a moment: load the library that reads the environment."""
        import requests.utils

        del requests
        self._known: dict[tuple[str, str], str | None] = {}

    def proxy_for(self, scheme: str, netloc: str) -> str | None:
        """The proxy's address; None for a direct connection. Raises `httpx.UnsupportedProtocol`."""
        if (scheme, netloc) not in self._known:
            self._known[scheme, netloc] = _proxy_for(f"{scheme}://{netloc}/")
        return self._known[scheme, netloc]


def check_proxy(url: str) -> None:
    """Raises `Invalid` if the environment names a proxy for this address that can't be used."""
    if any(name.lower().endswith("_proxy") for name in os.environ):
        try:
            _proxy_for(url)
        except httpx.UnsupportedProtocol as error:
            raise Invalid(str(error), field="HTTPS_PROXY") from error


def _proxy_for(url: str) -> str | None:
    from requests.utils import get_environ_proxies, select_proxy  # as google-auth and Cloud Storage read it

    if _is_loopback(urlsplit(url).hostname or ""):
        return None
    found: str | None = select_proxy(url, get_environ_proxies(url))
    if not found:
        return None
    address = found if "://" in found else f"http://{found}"
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        words = "the proxy in the environment (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY) must be http://… or https://…"
        raise httpx.UnsupportedProtocol(f"{words}, not {parts.scheme}://…")
    return address


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
