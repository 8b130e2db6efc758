"""The proxies to a provider: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`, read as for Cloud Storage.

The client of Cloud Storage reads them with `requests`, which is not installed for every provider. So the same rules are
written here; a test compares the two. A loopback address is never called through a proxy.
"""

import os
from ipaddress import IPv4Address, IPv4Network, ip_address
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

import httpx

from schemas.errors import Invalid


class Proxies:
    """The proxies of this process's environment, read once for each host."""

    def __init__(self) -> None:
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
    target = urlsplit(url)
    proxies = getproxies_environment()
    proxy = proxies.get(target.scheme) or proxies.get("all")
    if not proxy or _is_loopback(target.hostname or "") or _is_direct(target, proxies.get("no", "")):
        return None
    address = proxy if "://" in proxy else f"http://{proxy}"
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        words = "the proxy in the environment (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY) must be http://… or https://…"
        raise httpx.UnsupportedProtocol(f"{words}, not {parts.scheme}://…")
    return address


def _is_direct(target: SplitResult, no_proxy: str) -> bool:
    """Return whether NO_PROXY names the host: by its name or domain, address, or network in CIDR form."""
    host = target.hostname or ""
    if proxy_bypass(f"{host}:{target.port}" if target.port else host):
        return True
    try:
        address = IPv4Address(host)
    except ValueError:
        return False
    return any(_holds(name, address) for name in no_proxy.replace(" ", "").split(","))


def _holds(name: str, address: IPv4Address) -> bool:
    try:
        return address in IPv4Network(name, strict=False)  # an address alone is a network of one
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
