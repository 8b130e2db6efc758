"""Connections for the polls of thousands of jobs: few, kept, and the one that was used last comes first.

Each is a pool of its own. A common pool looks at every connection for every request, at the idle ones with a system
call: with 32 of them that was 40 % of the processor time of a worker that polls for 1,000 jobs.
"""

import asyncio
import ssl

import httpx

from infra.gcp.proxies import Proxies

_ONE = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=30)


class Connections:
    """At most so many requests at once; further ones wait, without a time-out."""

    def __init__(self, tls: ssl.SSLContext, proxies: Proxies, *, most: int) -> None:
        self._tls, self._proxies = tls, proxies
        self._turns = asyncio.Semaphore(most)
        self._free: dict[str | None, list[httpx.AsyncHTTPTransport]] = {}
        """By the proxy that they go through."""

    async def exchange(self, request: httpx.Request) -> httpx.Response:
        """The answer, read to its end. Raises what httpx raises."""
        proxy = self._proxies.proxy_for(request.url.scheme, request.url.netloc.decode("ascii"))
        free = self._free.setdefault(proxy, [])
        async with self._turns:
            connection = free.pop() if free else httpx.AsyncHTTPTransport(verify=self._tls, limits=_ONE, proxy=proxy)
            try:
                response = await connection.handle_async_request(request)
                await response.aread()
                return response
            finally:
                free.append(connection)

    async def aclose(self) -> None:
        """End those that are not in use."""
        for free in self._free.values():
            while free:
                await free.pop().aclose()
