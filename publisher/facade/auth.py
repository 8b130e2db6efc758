"""Tells who a caller is: by an API key, or by a Google ID token.

Addresses of finished files that work for a while, without a key.

A video is fetched by a player or a download, which send no `Authorization` header; so where callers need a key, the
addresses in our answers carry a signature instead. It names the file and the moment at which it ends.
"""

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlencode

from starlette.datastructures import Headers

from publisher.settings import PublisherSettings, caller_with
from schemas.errors import ReelbusError
from schemas.ports import Clock, StoredFile, VideoStore

TokenCheck: TypeAlias = Callable[[str], Awaitable[str | None]]
"""The e-mail address that an ID token vouches for; None for a token that is worth nothing. Raises `Unavailable`."""


class Unauthorized(ReelbusError):
    """Show who you are: Authorization: Bearer <API key or Google ID token>, or X-API-Key"""


class Forbidden(ReelbusError):
    """This is not for you"""


class Authenticator:
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
            raise Unauthorized("This API key or ID token is not known here or has expired")
        if email not in self._allowed:
            raise Forbidden("This account may not call this service")
        return email


def _bearer(headers: Headers) -> str | None:
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else None


_UNTIL = re.compile(r"[0-9]{1,12}")


class UrlSigner:
    """Signs names, and knows its own signatures."""

    def __init__(self, secret: bytes, clock: Clock, *, link_s: float) -> None:
        self._secret = secret
        self._clock = clock
        self._link_s = link_s

    def query(self, name: str) -> str:
        """What an address of this file ends with from now on, for a while."""
        until = str(int(self._clock.now().timestamp() + self._link_s))
        return urlencode({"until": until, "signature": self._signature(name, until)})

    def check(self, name: str, query: Mapping[str, str]) -> None:
        """Raise `Forbidden` if the address is not signed or has expired."""
        until, signature = query.get("until", ""), query.get("signature", "")
        right = _UNTIL.fullmatch(until) and hmac.compare_digest(
            self._signature(name, until).encode(), signature.encode("utf-8", "replace")
        )
        if not right or int(until) < self._clock.now().timestamp():
            raise Forbidden("This address is not signed or has expired; the job's video_url is a fresh one")

    def _signature(self, name: str, until: str) -> str:
        return hmac.digest(self._secret, f"{until} {name}".encode(), hashlib.sha256).hex()


class SignedUrlVideoStore:
    """A `VideoStore` whose addresses are signed."""

    def __init__(self, videos: VideoStore, links: UrlSigner) -> None:
        self._videos = videos
        self._links = links

    @property
    def reads(self) -> frozenset[str]:
        return self._videos.reads

    async def put(self, name: str, source: Path | bytes, *, content_type: str) -> bool:
        return await self._videos.put(name, source, content_type=content_type)

    async def fetch(self, name: str, to: Path) -> None:
        await self._videos.fetch(name, to)

    async def list(self, prefix: str) -> Sequence[StoredFile]:
        return await self._videos.list(prefix)

    async def delete(self, name: str) -> None:
        await self._videos.delete(name)

    async def url_for(self, name: str) -> str:
        return f"{await self._videos.url_for(name)}?{self._links.query(name)}"
