"""Verifies Google ID tokens with google-auth.

The certificates are fetched without blocking the event loop, and cached for as long as their server allows. google-auth
itself would fetch them for every token, and block.
"""

import asyncio
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
from google.auth.exceptions import GoogleAuthError
from google.oauth2.id_token import verify_oauth2_token

from schemas.errors import Unavailable

logger = logging.getLogger(__name__)
_MAX_AGE = re.compile(r"max-age=([0-9]{1,7})")
_KEPT_AT_LEAST_S = 60.0
_TIMEOUT_S = 10.0
_SKEW_S = 10
"""Clocks differ a little: how far the start and the end of a token's hour may be off."""
_NO_TOKEN = (GoogleAuthError, ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What google-auth raises for text that is no token: callers may send any text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Certs:
    """The answer of the certificate server, in the form that google-auth expects of a response."""

    data: bytes
    fetched_at: float
    expires_at: float
    status: int = 200

    def __call__(self, *_: object, **__: object) -> "_Certs":
        """Answer google-auth's request for the certificates."""
        return self


class IdTokens:
    """Verifies ID tokens for one audience. Close it on the event loop on which it was used."""

    def __init__(self, audience: str, *, certs_url: str) -> None:
        self._audience = audience
        self._certs_url = certs_url
        self._http = httpx.AsyncClient(timeout=_TIMEOUT_S)
        self._certs: _Certs | None = None
        self._fetching = asyncio.Lock()

    async def email(self, token: str) -> str | None:
        """Return the verified e-mail address, in lower case; None if the token is not valid here.

        Raises `Unavailable`.
        """
        certs = await self._newer_than(None)
        claims = await self._claims(token, certs)
        if claims is None and certs.fetched_at < time.monotonic() - _KEPT_AT_LEAST_S:
            claims = await self._claims(
                token, await self._newer_than(certs)
            )  # the key may be newer than the cached certificates
        verified = claims and claims.get("email_verified") is True
        return str(claims["email"]).lower() if claims and verified and claims.get("email") else None

    async def aclose(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def _claims(self, token: str, certs: _Certs) -> Mapping[str, Any] | None:
        verify = partial(verify_oauth2_token, token, certs, self._audience, clock_skew_in_seconds=_SKEW_S)
        try:
            claims: Mapping[str, Any] = await asyncio.to_thread(verify)
        except _NO_TOKEN as error:
            logger.info("an ID token was refused", extra={"action": "id_token_refused", "reason": type(error).__name__})
            return None
        return claims

    async def _newer_than(self, known: _Certs | None) -> _Certs:
        """Return valid certificates that are not `known`. One caller fetches them for all callers that wait."""
        async with self._fetching:
            if self._certs is None or self._certs is known or self._certs.expires_at < time.monotonic():
                self._certs = await self._fetch()
            return self._certs

    async def _fetch(self) -> _Certs:
        try:
            answer = (await self._http.get(self._certs_url)).raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            words = f"the certificates of ID tokens can't be fetched: {type(error).__name__}"
            raise Unavailable(words) from error
        max_age = _MAX_AGE.search(answer.headers.get("cache-control", ""))
        kept_s = max(_KEPT_AT_LEAST_S, float(max_age[1]) if max_age else 0.0)
        now = time.monotonic()
        return _Certs(data=answer.content, fetched_at=now, expires_at=now + kept_s)
