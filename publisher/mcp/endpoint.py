"""`POST /mcp`: streamable HTTP. The SDK is imported for the first call; most facades get none."""

import asyncio
from typing import TYPE_CHECKING, Any, Self

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from publisher.mcp import sdk_installed
from publisher.mcp.tools import ToolCall, ToolHost
from schemas.errors import Invalid, NotFound

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

BODY_LIMIT_BYTES = 4_000_000
"""The SDK parses a body in the event loop. A larger image is named by its gs:// address."""


class McpEndpoint:
    """The server of one facade. Use it as an async context manager."""

    def __init__(self, host: ToolHost) -> None:
        self._host = host
        self._opening = asyncio.Lock()
        self._closing = asyncio.Event()
        self._manager: StreamableHTTPSessionManager | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        if self._task:
            await self._task

    async def open(self) -> ASGIApp:
        """Return the application of the SDK. Raises `NotFound` if the SDK is not installed."""
        async with self._opening:
            if self._manager is None:
                manager = await asyncio.to_thread(self._build_manager)
                ready = asyncio.Event()
                self._task = asyncio.create_task(self._run(manager, ready))
                await ready.wait()
                self._manager = manager
            app: ASGIApp = self._manager.asgi_app
            return app

    def _build_manager(self) -> "StreamableHTTPSessionManager":
        try:
            with sdk_installed():
                from publisher.mcp.server import build_manager
        except Invalid as error:
            raise NotFound(str(error)) from error
        return build_manager(self._open_call, BODY_LIMIT_BYTES)

    def _open_call(self, request: Request[Any]) -> ToolCall:
        scope = request.scope
        return ToolCall(host=self._host, access=scope["access"], traceparent=scope["traceparent"])

    async def _run(self, manager: "StreamableHTTPSessionManager", ready: asyncio.Event) -> None:
        """Run the tasks of the SDK: they must begin and end in one task."""
        async with manager.run():
            ready.set()
            await self._closing.wait()


class McpResponse(Response):
    """Hands a call, whose body was read, to the application of the SDK."""

    def __init__(self, app: ASGIApp, body: bytes) -> None:
        super().__init__()
        self._app = app
        self._unread: bytes | None = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the call."""

        async def receive_body() -> Message:
            if self._unread is None:
                return await receive()
            body, self._unread = self._unread, None
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, receive_body, send)
