"""Tells who a caller is: by an API key, or by a Google ID token."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from starlette.datastructures import Headers

from publisher.keys import caller_with
from publisher.settings import PublisherSettings
from schemas.errors import ReelbusError

TokenCheck: TypeAlias = Callable[[str], Awaitable[str | None]]
"""The e-mail address that an ID token vouches for; None for a token that is worth nothing. Raises `Unavailable`."""


class Unauthorized(ReelbusError):
    """Show who you are: Authorization: Bearer <API key or Google ID token>, or X-API-Key"""


class Forbidden(ReelbusError):
    """This is not for you"""


class Gate:
    """Tells who a caller is."""

    def __init__(self, settings: PublisherSettings, check_token: TokenCheck | None) -> None:
        self._keys = settings.api_keys
        self._allowed = settings.allowed_emails
        self._check_token = check_token
        self.open = not settings.knows_callers

    async def caller(self, headers: Headers) -> str:
        """The name of the key, or the token's account. Raises `Unauthorized`, `Forbidden`, `Unavailable`."""
        shown = headers.get("x-api-key") or _bearer(headers)
        if not shown:
            raise Unauthorized
        return caller_with(shown, self._keys) or await self._account(shown)

    async def _account(self, token: str) -> str:
        email = await self._check_token(token) if self._check_token and token.count(".") == 2 else None
        if email is None:
            raise Unauthorized("This API key or ID token is not known here, or is over")
        if email not in self._allowed:
            raise Forbidden("This account may not call this service")
        return email


def _bearer(headers: Headers) -> str | None:
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else None
