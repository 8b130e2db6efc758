"""Connections for the polls of thousands of jobs: few, kept, and the one that was used last comes first.

Each is a pool of its own. A common pool looks at every connection for every request, at the idle ones with a system
call: with 32 of them that was 40 % of the processor time of a worker that polls for 1,000 jobs.
"""

import asyncio
import ssl

import httpx

_ONE = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=30)


class Connections:
    """At most so many requests at once; whoever comes then waits, without a time-out."""

    def __init__(self, tls: ssl.SSLContext, *, most: int) -> None:
        self._tls = tls
        self._turns = asyncio.Semaphore(most)
        self._free: list[httpx.AsyncHTTPTransport] = []

    async def exchange(self, request: httpx.Request) -> httpx.Response:
        """The answer, read to its end. Raises what httpx raises."""
        async with self._turns:
            connection = self._free.pop() if self._free else httpx.AsyncHTTPTransport(verify=self._tls, limits=_ONE)
            try:
                response = await connection.handle_async_request(request)
                await response.aread()
                return response
            finally:
                self._free.append(connection)

    async def aclose(self) -> None:
        """Ends those that nobody uses."""
        while self._free:
            await self._free.pop().aclose()
