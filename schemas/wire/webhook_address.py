"""Which addresses a webhook may have. An address from a request is an attack on the network in which the worker stands.

`AddressPolicy.check_url` looks at the text alone, without the network. A name is resolved at each attempt, and
`AddressPolicy.refuse` then looks at every address that it has.
"""

import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

from schemas.errors import Invalid

URL_AT_MOST = 2048
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_PORTS: Mapping[str, int] = {"https": 443, "http": 80}
_NOT_PUBLIC = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8",
            "100.64.0.0/10",  # carrier-grade NAT, RFC 6598
            "192.0.0.0/24",
            "192.88.99.0/24",  # 6to4 relays, RFC 7526
            "240.0.0.0/4",
            "64:ff9b:1::/48",  # local NAT64, RFC 8215
            "100::/64",
            "2001::/23",
            "2002::/16",  # 6to4 holds an IPv4 address
            "3fff::/20",
            "5f00::/16",
            "fec0::/10",
        ),
    )
)
"""Networks that some versions of Python take for global ones."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""The last 32 bits are the IPv4 address that is reached: RFC 6052."""
_LOCAL_NAMES = re.compile(r"(?:.*\.)?(?:localhost|internal|local|localdomain|home\.arpa)\.?")


def is_public(address: Address) -> bool:
    """Return True if the address is one of the internet, and not of this machine, this network or a provider."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return False  # no name server answers with one: it is meant to get around a check
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    is_special = address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback
    return address.is_global and not is_special and not any(address in network for network in _NOT_PUBLIC)


def split_url(url: str) -> SplitResult:
    """Return the parts of a webhook's address. Raises `ValueError` with the reason."""
    if len(url) > URL_AT_MOST:
        raise ValueError(f"must have at most {URL_AT_MOST} characters, not {len(url)}")
    if not re.fullmatch(r"[\x21-\x7e]+", url) or re.search(r"[\\<>\"^`{|}]", url):
        raise ValueError("must be an address of printable ASCII characters, without blanks")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # half an IPv6 address, or a port that is no number
        raise ValueError("must be an address such as https://example.com/hook") from None
    if parts.scheme not in _PORTS or not parts.hostname or port == 0:
        raise ValueError("must be an https:// address such as https://example.com/hook")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must have no user name and no password")
    if parts.fragment or url.endswith("#"):
        raise ValueError("must have no fragment")
    return parts


def port_of(parts: SplitResult) -> int:
    """Return the port that the address leads to."""
    return parts.port or _PORTS[parts.scheme]


def mask_url(url: str) -> str:
    """Return the address for views and logs: without its user and its query, which may hold a token."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "…"
    query = "?…" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}{query}"


def literal_address(host: str) -> Address | None:
    """Return the address that a host is, in any form that a system call takes: decimal, octal, shortened."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host)) if re.match(r"[0-9]", host) else None
    except OSError:
        return None


_OTHERWISE = ", unless REELBUS_WEBHOOK_NETWORKS of the service allows its network"


@dataclass(frozen=True, kw_only=True, slots=True)
class AddressPolicy:
    """Where webhooks may go: public addresses, over TLS. The operator may allow networks and more ports."""

    networks: tuple[Network, ...] = ()
    """What the operator allows beside the internet: also without TLS, and with any port."""
    ports: frozenset[int] = frozenset({443})

    def check_url(self, url: str, *, field: str = "webhook.url") -> None:
        """Raise `Invalid` for an address that no attempt would be sent to, as far as its text shows."""
        try:
            parts = split_url(url)
        except ValueError as error:
            raise Invalid(f"{field} {error}", field=field) from None
        host = parts.hostname or ""
        address = literal_address(host)
        if address is not None:
            reason = self.refuse(address, parts)
        elif _LOCAL_NAMES.fullmatch(host) and not self.networks:
            reason = f"must not name a host of a local network{_OTHERWISE}"
        else:
            reason = None if self.networks else self._refuse_form(parts)
        if reason:
            raise Invalid(f"{field} {reason}", field=field)

    def refuse(self, address: Address, parts: SplitResult) -> str | None:
        """Return why nothing may be sent to this address of the URL's host; None if it may."""
        if any(address in network for network in self.networks):
            return None
        if not is_public(address):
            return f"must lead to a public address{_OTHERWISE}"
        return self._refuse_form(parts)

    def _refuse_form(self, parts: SplitResult) -> str | None:
        if parts.scheme != "https":
            return "must be an https:// address"
        if port_of(parts) not in self.ports:
            return f"must have the port {' or '.join(map(str, sorted(self.ports)))}"
        return None


def parse_policy(networks: str, ports: str) -> AddressPolicy:
    """Return the policy of the two settings. Raises `ValueError` with the name of the wrong one."""
    try:
        allowed = tuple(ipaddress.ip_network(text.strip()) for text in networks.split(",") if text.strip())
    except ValueError as error:
        raise ValueError(
            f"REELBUS_WEBHOOK_NETWORKS must be networks such as 10.1.0.0/16, with commas: {error}"
        ) from error
    numbers = [text.strip() for text in ports.split(",") if text.strip()]
    if not all(re.fullmatch(r"[0-9]{1,5}", text) and 0 < int(text) < 65536 for text in numbers):
        raise ValueError("REELBUS_WEBHOOK_PORTS must be ports from 1 to 65535, with commas")
    return AddressPolicy(networks=allowed, ports=frozenset(map(int, numbers)))
