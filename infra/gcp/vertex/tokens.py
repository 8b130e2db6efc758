"""Access tokens for Vertex AI, fresh before every call and never fetched on the event loop."""

import asyncio
import math
from typing import TYPE_CHECKING

from infra.gcp.vertex.failures import no_token_failure
from schemas.errors import SubmitRefused, Unavailable

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

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
