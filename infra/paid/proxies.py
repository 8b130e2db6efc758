"""The proxies to a provider: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, read as for Cloud Storage.

A loopback address is never called through a proxy.
"""

import os
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx

from schemas.errors import Invalid


class Proxies:
    """The proxies of this process's environment, read once for each host."""

    def __init__(self) -> None:
        """Load the library that reads the environment, which blocks for a moment."""
        import requests.utils

        del requests
        self._known: dict[tuple[str, str], str | None] = {}

    def proxy_for(self, scheme: str, netloc: str) -> str | None:
        """Return the proxy's URL; None for a direct connection. Raises `httpx.UnsupportedProtocol`."""
        if (scheme, netloc) not in self._known:
            self._known[scheme, netloc] = _proxy_for(f"{scheme}://{netloc}/")
        return self._known[scheme, netloc]


def check_proxy(url: str) -> None:
    """Raise `Invalid` if the environment names a proxy for this address that can't be used."""
    if any(name.lower().endswith("_proxy") for name in os.environ):
        try:
            _proxy_for(url)
        except httpx.UnsupportedProtocol as error:
            raise Invalid(str(error), field="HTTPS_PROXY") from error


def _proxy_for(url: str) -> str | None:
    from requests.utils import get_environ_proxies, select_proxy  # google-auth and Cloud Storage use the same

    if _is_loopback(urlsplit(url).hostname or ""):
        return None
    proxy: str | None = select_proxy(url, get_environ_proxies(url))
    if not proxy:
        return None
    address = proxy if "://" in proxy else f"http://{proxy}"
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
