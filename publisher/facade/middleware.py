"""ASGI middleware: trace ids, security headers, unexpected errors, authentication, and the path of the public URL.

Middleware that needs the messages of a call gives the call a responder with slots, whose `send` or `receive` wraps the
inner one, as Starlette's own middleware does. Middleware that awaits nothing itself returns the inner awaitable: one
coroutine frame less for each of 10,000 waiting callers.

`PublicPath` comes first. It resolves the path of the public URL, a whole URL as the target, and slashes at the end, so
that all layers read the same path.
"""

import logging
import time
from collections.abc import Awaitable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from publisher.access import Access
from publisher.facade.auth import Authenticator
from publisher.facade.call import Call
from publisher.facade.errors import error_response, note_refusal
from publisher.facade.hosts import OPEN_PATHS
from publisher.settings import PublisherSettings
from schemas.errors import ReelbusError
from schemas.wire.trace import TRACEPARENT
from schemas.wire.types import child_of

logger = logging.getLogger(__name__)
_FILES = "/videos/"
_KEYLESS = OPEN_PATHS | {"/docs", "/.well-known/jwks.json"}
"""Paths that need no key: the page `/docs` is the same for every installation, and public keys are for everyone."""


def traceparent_of(call: Call) -> str:
    """Return the W3C trace context of this request, for its job and messages."""
    return str(call.scope["traceparent"])


def redact_path(scope: Scope) -> str:
    """Return the path for the log: still percent-encoded, so that it holds no line breaks or colour codes."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw[:300].decode("ascii", "backslashreplace")


class TraceMiddleware:
    """Gives each request a trace id, taken from the caller or new, and logs its answer in one line."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Where telemetry began a span for the call, the span is the trace context.
        traceparent = scope["traceparent"] = scope.get("traceparent") or child_of(
            Headers(scope=scope).get("traceparent")
        )
        token = TRACEPARENT.set(traceparent)
        answer = _TraceResponder(send, traceparent)
        began = time.monotonic()
        try:
            await self._app(scope, receive, answer.send)
        finally:
            extra = {
                "action": "http_answered",
                "method": scope["method"],
                "path": redact_path(scope),
                "status": answer.status,
                "took_ms": round((time.monotonic() - began) * 1000),
                "trace_id": traceparent[3:35],
                **scope.get("refusal", {}),
            }
            level = logging.DEBUG if scope["path"] in OPEN_PATHS else logging.INFO
            logger.log(level, "request answered", extra=extra)
            TRACEPARENT.reset(token)


class _TraceResponder:
    """Wraps `send` for one call."""

    __slots__ = ("_send", "_traceparent", "status")

    def __init__(self, send: Send, traceparent: str) -> None:
        self._send = send
        self._traceparent = traceparent
        self.status = 0
        """0 until the response starts."""

    def send(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            trace = {"traceparent": self._traceparent, "X-Request-Id": self._traceparent[3:35]}
            MutableHeaders(scope=message).update(trace)
        return self._send(message)


_ALWAYS = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY"}
_UNLESS_SET = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


class SecurityHeaders:
    """Forbids sniffing and framing; and caching and referrers, unless the response allows them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return self._app(scope, receive, _SecurityHeadersResponder(send).send if scope["type"] == "http" else send)


class _SecurityHeadersResponder:
    """Wraps `send` for one call."""

    __slots__ = ("_send",)

    def __init__(self, send: Send) -> None:
        self._send = send

    def send(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.update(_ALWAYS)
            for name, value in _UNLESS_SET.items():
                headers.setdefault(name, value)
        return self._send(message)


class ErrorMiddleware:
    """Answers errors of the middleware inside it, and unexpected exceptions, with JSON without a traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _ErrorResponder(send)
        try:
            await self._app(scope, receive, answer.send)
        except Exception as error:  # the outermost edge: the caller gets JSON, the log gets the traceback
            if not isinstance(error, ReelbusError):
                logger.error(
                    "request failed", exc_info=error, extra={"action": "http_broke", "path": redact_path(scope)}
                )
            if answer.started:
                raise
            note_refusal(scope, error)
            await error_response(error)(scope, receive, send)


class _ErrorResponder:
    """Wraps `send` for one call."""

    __slots__ = ("_send", "started")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    def send(self, message: Message) -> Awaitable[None]:
        self.started = self.started or message["type"] == "http.response.start"
        return self._send(message)


def caller_of(call: Call) -> str | None:
    """Return the name of the caller; None if the facade needs no key."""
    caller: str | None = call.scope["caller"]
    return caller


def access_of(call: Call) -> Access:
    """Return who calls, and what it may do."""
    access: Access = call.scope["access"]
    return access


class AuthMiddleware:
    """Writes the caller and its access into the scope of each call. Raises `Unauthorized` and `Forbidden`.

    Players fetch files and send no key: the addresses of files are signed instead.
    """

    def __init__(self, app: ASGIApp, *, authenticator: Authenticator) -> None:
        self._app = app
        self._authenticator = authenticator

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        scope["caller"], scope["access"] = None, Access()
        if scope["type"] != "http" or self._authenticator.open:
            return self._app(scope, receive, send)
        if scope["path"] in _KEYLESS or scope["path"].startswith(_FILES):
            return self._app(scope, receive, send)
        return self._authenticate(scope, receive, send)

    async def _authenticate(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["access"] = access = await self._authenticator.access(Headers(scope=scope))
        scope["caller"] = access.caller
        await self._app(scope, receive, send)


_OWN = (
    *("/api", "/v1", "/mcp", "/videos", "/console", "/livez", "/readyz"),
    *("/openapi.json", "/asyncapi.json", "/docs", "/.well-known"),
)


def public_path(settings: PublisherSettings) -> str:
    """Return the path of the public URL, without a slash at its end."""
    return urlsplit(settings.public_url).path.rstrip("/")


class PublicPath:
    """Removes the path of the public URL, if a proxy left it there, and slashes at the end.

    It does not redirect: a client would send its POST again, to the host that the `Host` header names.
    """

    def __init__(self, app: ASGIApp, *, prefix: str) -> None:
        self._app = app
        # The proxy must remove a prefix that could be the beginning of one of our own paths.
        is_own = any(f"{own}/".startswith(f"{prefix}/") or f"{prefix}/".startswith(f"{own}/") for own in _OWN)
        self._prefix = None if is_own else prefix

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http":
            _resolve_absolute_target(scope)
            path: str = scope["path"]
            if self._prefix and (path == self._prefix or path.startswith(f"{self._prefix}/")):
                path = path.removeprefix(self._prefix)
            if not path.startswith(_FILES):
                path = path.rstrip("/") or "/"
            scope["path"] = path
        return self._app(scope, receive, send)


def _resolve_absolute_target(scope: Scope) -> None:
    """Replace path and `Host` by those of a whole URL, which clients send to a proxy (RFC 9112, 3.2.2)."""
    scheme, _, rest = scope["path"].partition("://")
    if not rest or scheme.lower() not in ("http", "https"):
        return
    host, _, path = rest.partition("/")
    others = [(name, value) for name, value in scope["headers"] if name != b"host"]
    scope.update(path=f"/{path}", headers=[*others, (b"host", host.encode())])
