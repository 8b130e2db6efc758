"""Refuses requests that a foreign web page made a visitor's browser send, if the facade requires no key.

A page can reach a facade on the visitor's own machine in two ways. A browser sends a cross-site request without a
preflight if it looks like that of a form: `Origin` and `Sec-Fetch-Site` show it. With DNS rebinding, the page's own
name resolves to this machine: `Host` shows it. A facade with keys is safe from both, since a page has no key, and a
browser adds none by itself.
"""

import ipaddress
import re
import socket
from collections.abc import Awaitable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from publisher.settings import PublisherSettings
from schemas.errors import Invalid, ReelbusError

OPEN_PATHS = frozenset({"/api/videos/health", "/livez", "/readyz"})
"""Probes: they send no key, and their `Host` is the address that they were given."""
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253}))(?::[0-9]{1,5})?")
_ORIGIN = re.compile(rf"https?://({_HOST.pattern})")
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_PAGES = frozenset({"", "same-origin", "none"})
"""`Sec-Fetch-Site` of a request without an `Origin`: from no browser, a page of this facade, or the address bar."""


class Misdirected(ReelbusError):
    """This facade does not serve the host that the request names"""


class ForeignOrigin(ReelbusError):
    """A web page of another origin may not do this here"""


class AllowedHosts:
    """The names and addresses of this facade."""

    def __init__(self, settings: PublisherSettings) -> None:
        names = [name.strip().lower() for name in settings.allowed_hosts.split(",") if name.strip()]
        self._all = "*" in names or (settings.knows_callers and not names)
        self._parents = tuple(name[1:] for name in names if name.startswith("*."))
        self._names = {"localhost", _plain(settings.host), *map(_plain, names)}
        if settings.public_url:
            self._names.add(_plain(urlsplit(settings.public_url).hostname or ""))
        self._on_network = not is_loopback(settings.host)
        self._pages = frozenset(settings.cors_origins)

    def allow(self, given: str) -> bool:
        """Return whether a `Host` header names this facade."""
        if self._all:
            return True
        match = _HOST.fullmatch(given)
        if match is None:
            return False
        name = _plain(match[1] or match[2])
        if name in self._names or name.endswith(self._parents):
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            # DNS rebinding can't use a name without a dot, since none can be registered. Services of Compose have such.
            return self._on_network and "." not in name
        return self._on_network or _is_loopback_address(address)

    def allow_origin(self, given: str) -> bool:
        """Return whether an `Origin` header names a page of this machine, of a configured host, or of a configured
        origin; `null` does not."""
        if given.lower() in self._pages:
            return True
        match = _ORIGIN.fullmatch(given)
        return match is not None and self.allow(match[1])


class HostCheck:
    """Requires a `Host` that names this facade, and refuses foreign pages. Raises `Misdirected` and `ForeignOrigin`."""

    def __init__(self, app: ASGIApp, *, hosts: AllowedHosts, check_origins: bool) -> None:
        self._app = app
        self._hosts = hosts
        self._check_origins = check_origins

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            headers = Headers(scope=scope)
            given = headers.getlist("host")
            if len(given) != 1 or not self._hosts.allow(given[0]):
                raise Misdirected(
                    f"This facade does not serve the host {', '.join(given)[:100]!r}; "
                    "if it should, add the name to REELBUS_ALLOWED_HOSTS"
                )
            if self._check_origins and scope["method"] not in _READS:
                self._check_origin(headers)
        return self._app(scope, receive, send)

    def _check_origin(self, headers: Headers) -> None:
        origins = headers.getlist("origin")
        foreign = [origin for origin in origins if not self._hosts.allow_origin(origin)]
        if foreign or (not origins and headers.get("sec-fetch-site", "").lower() not in _OWN_PAGES):
            page = foreign[0][:100] if foreign else "another site"
            raise ForeignOrigin(
                f"A web page of {page!r} may not do this here; if it should, add its host to REELBUS_ALLOWED_HOSTS"
            )


def check_exposure(settings: PublisherSettings) -> None:
    """Raise `Invalid` for a facade that would accept paid work from everyone on the network."""
    if settings.knows_callers or settings.open_to_all or is_loopback(settings.host):
        return
    raise Invalid(
        f"host {settings.host} can be reached from the network, and the facade requires no key: set REELBUS_API_KEYS "
        "(`reelbus key new NAME` makes one), or REELBUS_OPEN_TO_ALL=1 if everyone on that network may make videos",
        field="host",
    )


def is_loopback(host: str) -> bool:
    """Return whether a facade that listens on `host` can be reached from this machine only."""
    try:
        return _is_loopback_address(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        return False
    return all(_is_loopback_address(ipaddress.ip_address(address[0])) for *_, address in found)


def _is_loopback_address(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _plain(name: str) -> str:
    return name.lower().removesuffix(".").strip("[]")
