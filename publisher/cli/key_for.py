"""Shows our API key to the facade, and to nobody else."""

import re
from collections.abc import Generator

import httpx

from schemas.errors import Invalid

_VISIBLE = re.compile(r"[!-~]{1,4096}")


class KeyFor(httpx.Auth):
    """The key for one facade. A video may lie elsewhere, for example in a bucket: the key doesn't go there."""

    def __init__(self, url: str, key: str) -> None:
        if not _VISIBLE.fullmatch(key):
            raise Invalid("REELBUS_API_KEY must be 1 to 4096 visible characters", field="REELBUS_API_KEY")
        self._origin = _origin(httpx.URL(url))
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """One request, with the key where it goes to the facade."""
        if _origin(request.url) == self._origin:
            request.headers["Authorization"] = f"Bearer {self._key}"
        yield request


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
