"""Addresses of finished files that work for a while, without a key.

A video is fetched by a player or a download, which send no `Authorization` header; so where callers need a key, the
addresses in our answers carry a signature instead. It names the file and the moment at which it ends.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlencode

from publisher.facade.gate import Forbidden
from schemas.ports import Clock, StoredFile, VideoStore

_UNTIL = re.compile(r"[0-9]{1,12}")


class Links:
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
        """Raises `Forbidden` for an address that is not signed, or whose time is over."""
        until, signature = query.get("until", ""), query.get("signature", "")
        right = _UNTIL.fullmatch(until) and hmac.compare_digest(
            self._signature(name, until).encode(), signature.encode("utf-8", "replace")
        )
        if not right or int(until) < self._clock.now().timestamp():
            raise Forbidden("This address is not signed, or its time is over; the job's video_url is a fresh one")

    def _signature(self, name: str, until: str) -> str:
        return hmac.digest(self._secret, f"{until} {name}".encode(), hashlib.sha256).hex()


class LinkedVideos:
    """A `VideoStore` whose addresses are signed."""

    def __init__(self, videos: VideoStore, links: Links) -> None:
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
