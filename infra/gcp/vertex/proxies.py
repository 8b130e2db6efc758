"""Which proxy leads to Vertex AI: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, read as for Cloud Storage.

A loopback address is never asked through a proxy.
"""

import os
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx

from schemas.errors import Invalid


class Proxies:
    """The proxies of this process's environment, looked up once for each host."""

    def __init__(self) -> None:
        """Block for a moment: load the library that reads the environment."""
        import requests.utils

        del requests
        self._known: dict[tuple[str, str], str | None] = {}

    def proxy_for(self, scheme: str, netloc: str) -> str | None:
        """The proxy's address; None for a direct connection. Raises `httpx.UnsupportedProtocol`."""
        if (scheme, netloc) not in self._known:
            self._known[scheme, netloc] = _proxy_for(f"{scheme}://{netloc}/")
        return self._known[scheme, netloc]


def check_proxy(url: str) -> None:
    """Raises `Invalid` if the environment names a proxy for this address that can't be used."""
    if any(name.lower().endswith("_proxy") for name in os.environ):
        try:
            _proxy_for(url)
        except httpx.UnsupportedProtocol as error:
            raise Invalid(str(error), field="HTTPS_PROXY") from error


def _proxy_for(url: str) -> str | None:
    from requests.utils import get_environ_proxies, select_proxy  # as google-auth and Cloud Storage read it

    if _is_loopback(urlsplit(url).hostname or ""):
        return None
    found: str | None = select_proxy(url, get_environ_proxies(url))
    if not found:
        return None
    address = found if "://" in found else f"http://{found}"
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        words = "the proxy in the environment (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY) must be http://… or https://…"
        raise httpx.UnsupportedProtocol(f"{words}, not {parts.scheme}://…")
    return address


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
