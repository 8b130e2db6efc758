"""Access tokens for Vertex AI, valid before every call and fetched in a thread."""

import asyncio
import math
from typing import TYPE_CHECKING

from infra.gcp.vertex.failures import no_token_failure
from schemas.errors import SubmitRefused

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
FETCH_S = 8.0
RENEW_EVERY_S = 5.0
"""If Google refuses the new token as well, a thousand polls do not each renew it."""


class Tokens:
    """The Application Default Credentials of this process, which the first call finds."""

    def __init__(self, *, anonymous: bool) -> None:
        self._anonymous = anonymous
        self._credentials: Credentials | None = None
        self._lock = asyncio.Lock()
        self._renewed_at = -math.inf

    async def fresh(self) -> "Credentials":
        """Return credentials whose token is valid for the next minutes. Raises `SubmitRefused` if there are none."""
        if self._credentials and self._credentials.valid:
            return self._credentials
        async with self._lock:
            try:
                async with asyncio.timeout(FETCH_S):
                    return await asyncio.to_thread(self._refresh_credentials)
            except TimeoutError as error:
                raise SubmitRefused(no_token_failure(error, retryable=True)) from error

    async def renew(self, refused: str) -> None:
        """Replace a refused token, unless it was just replaced. Raises `SubmitRefused`."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            current = self._credentials
            if self._anonymous or current is None or now < self._renewed_at + RENEW_EVERY_S or current.token != refused:
                return
            self._renewed_at = now
            current.token = None  # `valid` is false from here on
        await self.fresh()

    def _refresh_credentials(self) -> "Credentials":
        from google.auth import default
        from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
        from google.auth.transport.requests import Request
        from google.oauth2.credentials import Credentials as StaticCredentials

        try:
            if self._anonymous:
                self._credentials = StaticCredentials("anonymous")  # type: ignore[no-untyped-call]
            elif self._credentials is None:
                self._credentials = default(scopes=[SCOPE])[0]
            if not self._credentials.valid:
                self._credentials.refresh(Request())  # type: ignore[no-untyped-call]
        except GoogleAuthError as error:
            permanent = isinstance(error, DefaultCredentialsError)
            raise SubmitRefused(no_token_failure(error, retryable=not permanent)) from error
        return self._credentials
