"""What the sync and the async client share: the address, the key, and how an error of httpx reads."""

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from reelbus_client.errors import ReelbusError, invalid, unreachable
from reelbus_client.steps import Answer, Call

AWAY_AT_MOST_S = 120.0
_DEFAULT_URL = "http://localhost:8000"
_CONNECT_S = 15.0
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.LocalProtocolError)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a facade is, and the key that it may require."""

    url: str
    api_key: str | None

    @property
    def place(self) -> str:
        """The facade and the caller."""
        return f"{self.url} {self.api_key or ''}"

    def headers_of(self, call: Call) -> dict[str, str]:
        """Return the headers of a call. The address of a file holds its own permission, and gets no key."""
        headers = {"authorization": f"Bearer {self.api_key}"} if self.api_key and not call.save_to else {}
        if call.body is not None:
            headers["content-type"] = "application/json"
        return {**headers, **call.headers}

    def url_of(self, path: str) -> str:
        """Return the whole address of a path."""
        return path if "://" in path else self.url + path


def address_of(url: str | None, api_key: str | None) -> Address:
    """Return the address, or else that of `REELBUS_URL`. Raises `ReelbusError` if it is none."""
    given = (url or _read_setting("REELBUS_URL") or _DEFAULT_URL).rstrip("/")
    try:
        parts = urlsplit(given)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_address = False
    if not is_address:
        raise invalid("url", f"must be http://… or https://…, not {given!r}")
    return Address(given, api_key or _read_setting("REELBUS_API_KEY"))


def _read_setting(name: str) -> str | None:
    """Return an environment variable without the quotation marks that `docker --env-file` keeps."""
    return os.environ.get(name, "").strip().strip("\"'").strip() or None


def timeout_of(call: Call) -> httpx.Timeout:
    """Return the limits of one call."""
    return httpx.Timeout(call.timeout_s, connect=min(_CONNECT_S, call.timeout_s))


def answer_of(response: httpx.Response) -> Answer:
    """Return the answer, whose body was read."""
    return Answer(response.status_code, response.reason_phrase, response.content, response.headers.get("retry-after"))


def error_of(error: httpx.TransportError | httpx.DecodingError, video_id: str | None) -> ReelbusError:
    """Return the error of a call that got no answer."""
    words = "no answer in time" if isinstance(error, httpx.TimeoutException) else str(error) or type(error).__name__
    return unreachable(
        f"the facade can't be reached ({words})", video_id=video_id, sent=not isinstance(error, _NEVER_SENT)
    )


LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=20)
"""Each call that waits for its video has a connection of its own."""
SILENCE = httpx.Timeout(45.0, connect=_CONNECT_S)
"""Of an event stream, in which a heartbeat comes every 15 s."""
