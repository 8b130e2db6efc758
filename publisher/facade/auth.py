"""Authentication of callers by an API key or a Google ID token, and signed addresses of files.

A player or a download sends no `Authorization` header. If callers need a key, the addresses of files in our answers
therefore carry a signature. It covers the name of the file and the moment at which the address expires.
"""

import hashlib
import hmac
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias
from urllib.parse import urlencode

from starlette.datastructures import Headers

from publisher.access import SCOPES, USUAL_SCOPES, Access, Forbidden
from publisher.settings import PublisherSettings, find_key
from schemas.errors import ReelbusError
from schemas.ports import Clock, StoredFile, VideoStore

TokenCheck: TypeAlias = Callable[[str], Awaitable[str | None]]
"""Returns the e-mail address in an ID token; None for an invalid token. Raises `Unavailable`."""


class Unauthorized(ReelbusError):
    """Send an API key or a Google ID token, as Authorization: Bearer <key or token> or as X-API-Key"""


class Authenticator:
    """Identifies callers."""

    def __init__(self, settings: PublisherSettings, check_token: TokenCheck | None) -> None:
        self._keys = settings.api_keys
        self._allowed = settings.id_token_accounts
        self._operators = settings.id_token_operator_accounts
        self._check_token = check_token
        self.open = not settings.knows_callers

    async def access(self, headers: Headers) -> Access:
        """Return who calls, by its key or token. Raises `Unauthorized`, `Forbidden`, `Unavailable`."""
        scheme, _, credentials = headers.get("authorization", "").partition(" ")
        token = headers.get("x-api-key") or (credentials.strip() if scheme.lower() == "bearer" else "")
        return await self.access_of_key(token)

    async def access_of_key(self, token: str) -> Access:
        """Return whose API key or ID token this is. Raises `Unauthorized`, `Forbidden`, `Unavailable`."""
        if not token:
            raise Unauthorized
        if key := find_key(token, self._keys):
            return Access(caller=key.name, scopes=frozenset(key.scopes))
        email = await self._check_token(token) if self._check_token and token.count(".") == 2 else None
        if email is None:
            raise Unauthorized("This API key or ID token is unknown or has expired")
        if email not in self._allowed:
            raise Forbidden("This account may not call this service")
        return Access(caller=email, scopes=frozenset(SCOPES if email in self._operators else USUAL_SCOPES))


_UNTIL = re.compile(r"[0-9]{1,12}")


class UrlSigner:
    """Signs the addresses of files, and checks the signatures."""

    def __init__(self, secret: bytes, clock: Clock, *, link_s: float) -> None:
        self._secret = secret
        self._clock = clock
        self._link_s = link_s

    def query(self, name: str) -> str:
        """Return the query of an address of this file: it expires after `link_s`."""
        until = str(int(self._clock.now().timestamp() + self._link_s))
        return urlencode({"until": until, "signature": self._signature(name, until)})

    def check(self, name: str, query: Mapping[str, str]) -> None:
        """Raise `Forbidden` if the address is not signed or has expired."""
        until, signature = query.get("until", ""), query.get("signature", "")
        is_signed = _UNTIL.fullmatch(until) and hmac.compare_digest(
            self._signature(name, until).encode(), signature.encode("utf-8", "replace")
        )
        if not is_signed or int(until) < self._clock.now().timestamp():
            raise Forbidden("This address is not signed or has expired; the job's view has a new video_url")

    def _signature(self, name: str, until: str) -> str:
        return hmac.digest(self._secret, f"{until} {name}".encode(), hashlib.sha256).hex()


class SignedUrlVideoStore:
    """A `VideoStore` whose addresses are signed."""

    def __init__(self, videos: VideoStore, url_signer: UrlSigner) -> None:
        self._videos = videos
        self._url_signer = url_signer

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
        return f"{await self._videos.url_for(name)}?{self._url_signer.query(name)}"
