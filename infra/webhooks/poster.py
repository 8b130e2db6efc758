"""Posts an event once. The name is resolved once, each of its addresses is checked, and the connection goes there.

No redirect is followed, no proxy of the environment is used, no cookie is stored, and nothing of the answer's body is
read. The connection is closed after each attempt.
"""

import asyncio
import ipaddress
import logging
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import SplitResult

from schemas.domain.delivery import PostResult
from schemas.wire.webhook_address import Address, AddressPolicy, port_of, split_url

if TYPE_CHECKING:  # a worker that posts nothing does not load it
    import httpx

logger = logging.getLogger(__name__)

CONNECT_S = 5.0
WHOLE_S = 15.0
_ADDRESSES_TRIED = 2
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class _Refused(Exception):
    """The address may not be called."""


class HttpPoster:
    """`Poster` over HTTP/1.1. Close it at the end."""

    def __init__(
        self, policy: AddressPolicy, *, resolve: Resolve | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        """`resolve` returns the addresses of a name and a port; by default the system's resolver does."""
        self._policy = policy
        # Names of hanging name servers must not keep the threads from the rest of the process.
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="webhook-names")
        self._resolve = resolve or self._resolve_name
        self._tls = tls

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> PostResult:
        import httpx

        began = time.monotonic()
        status, error, retry_after_s = None, None, None
        try:
            async with asyncio.timeout(WHOLE_S):
                response = await self._post(url, body, headers)
            status, retry_after_s = response.status_code, _retry_after_s(response)
            if not 200 <= status < 300:
                error = "redirect" if 300 <= status < 400 else "status"
        except (_Refused, ValueError):
            error = "refused_address"
        except (TimeoutError, httpx.TimeoutException):
            error = "timeout"
        except OSError:
            error = "name"
        except httpx.ConnectError as caught:
            error = "tls" if "ssl" in str(caught).lower() or "certificate" in str(caught).lower() else "connect"
        except httpx.HTTPError:
            error = "protocol"
        ms = int((time.monotonic() - began) * 1000)
        return PostResult(ms=ms, status=status, error=error, retry_after_s=retry_after_s)

    async def aclose(self) -> None:
        """Let its threads end; one that a name server keeps waiting is left behind."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> "httpx.Response":
        import httpx

        parts = split_url(url)
        addresses = await self._addresses(parts)
        if self._tls is None:
            self._tls = await asyncio.to_thread(httpx.create_ssl_context, trust_env=False)
        for address in addresses[:-1]:
            try:
                return await self._send(parts, address, body, headers)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue  # nothing was sent
        return await self._send(parts, addresses[-1], body, headers)

    async def _addresses(self, parts: SplitResult) -> list[Address]:
        """Return the addresses to try. Raises `_Refused` if one address of the name may not be called."""
        found = await self._resolve(parts.hostname or "", port_of(parts))
        addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in found]
        for address in addresses:
            if reason := self._policy.refuse(address, parts):
                extra = {"action": "webhook_address_refused", "host": parts.hostname, "reason": reason}
                logger.warning("a webhook may not be posted to this address", extra=extra)
                raise _Refused
        if not addresses:
            raise OSError("the name has no address")
        return addresses[:_ADDRESSES_TRIED]

    async def _send(
        self, parts: SplitResult, address: Address, body: bytes, headers: Mapping[str, str]
    ) -> "httpx.Response":
        import httpx

        host = f"[{address}]" if address.version == 6 else str(address)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        request = httpx.Request(
            "POST",
            httpx.URL(f"{parts.scheme}://{host}:{port_of(parts)}", raw_path=path.encode()),
            headers={
                "host": parts.netloc,
                "content-type": "application/json",
                "user-agent": "reelbus-webhooks",
                "connection": "close",
                **headers,
            },
            content=body,
            extensions={
                "sni_hostname": parts.hostname,
                "timeout": {"connect": CONNECT_S, "read": WHOLE_S, "write": WHOLE_S, "pool": WHOLE_S},
            },
        )
        # One transport for each attempt: no connection, cookie or session outlives it.
        async with httpx.AsyncHTTPTransport(verify=self._tls or True, trust_env=False, http2=False) as transport:
            response = await transport.handle_async_request(request)
            await response.aclose()
            return response

    async def _resolve_name(self, host: str, port: int) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return list(dict.fromkeys(str(each[4][0]) for each in found))


def _retry_after_s(response: "httpx.Response") -> float | None:
    """Return the pause that the receiver asks for, in either form of RFC 9110."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
        return max(0.0, (at.astimezone(UTC) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None
