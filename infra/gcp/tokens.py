"""Access tokens for Vertex AI, fresh before every call and never fetched on the event loop."""

import asyncio
from typing import TYPE_CHECKING

from infra.gcp.refusals import no_token
from schemas.errors import SubmitRefused

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
FETCH_S = 8.0


class Tokens:
    """The credentials of this process: its Application Default Credentials, found with the first call."""

    def __init__(self, *, anonymous: bool) -> None:
        self._anonymous = anonymous
        self._credentials: Credentials | None = None
        self._turn = asyncio.Lock()

    async def fresh(self) -> "Credentials":
        """Credentials whose token holds for the next minutes. Raises `SubmitRefused`: nothing can be sent."""
        if self._credentials and self._credentials.valid:
            return self._credentials
        async with self._turn:
            try:
                async with asyncio.timeout(FETCH_S):
                    return await asyncio.to_thread(self._refreshed)
            except TimeoutError as error:
                raise SubmitRefused(no_token(error, retryable=True)) from error

    def _refreshed(self) -> "Credentials":
        from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError

        try:
            self._credentials = self._credentials or self._found()
            if not self._credentials.valid:
                _refresh(self._credentials)
        except GoogleAuthError as error:
            lasting = isinstance(error, DefaultCredentialsError)
            raise SubmitRefused(no_token(error, retryable=not lasting)) from error
        return self._credentials

    def _found(self) -> "Credentials":
        if self._anonymous:
            from google.oauth2.credentials import Credentials as Static

            return Static("anonymous")  # type: ignore[no-untyped-call]
        from google.auth import default

        found: Credentials = default(scopes=[SCOPE])[0]
        return found


def _refresh(credentials: "Credentials") -> None:
    from google.auth.transport.requests import Request

    credentials.refresh(Request())  # type: ignore[no-untyped-call]
