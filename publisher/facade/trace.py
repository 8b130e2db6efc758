"""One trace id per request, taken from the caller or made here: in the answer, the log, the record and the messages."""

import logging
import time
from collections.abc import Awaitable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from publisher.facade.state import Call
from schemas.traceparent import child_of

logger = logging.getLogger(__name__)
_QUIET = frozenset({"/api/videos/health", "/livez", "/readyz"})


def traceparent_of(call: Call) -> str:
    """The W3C trace context of this request, for what it causes."""
    return str(call.scope["traceparent"])


def shown_path(scope: Scope) -> str:
    """The path as it came, for the log: still percent-encoded, so that it brings no line breaks or colours along."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw[:300].decode("ascii", "backslashreplace")


class Trace:
    """Names each request, and writes one log line about its answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        traceparent = scope["traceparent"] = child_of(Headers(scope=scope).get("traceparent"))
        answer = _Traced(send, traceparent)
        began = time.monotonic()
        try:
            await self._app(scope, receive, answer.send)
        finally:
            _log(scope, answer.status, time.monotonic() - began)


class _Traced:
    """One answer on its way."""

    __slots__ = ("_send", "_traceparent", "status")

    def __init__(self, send: Send, traceparent: str) -> None:
        self._send = send
        self._traceparent = traceparent
        self.status = 0
        """Until it begins."""

    def send(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            trace = {"traceparent": self._traceparent, "X-Request-Id": self._traceparent[3:35]}
            MutableHeaders(scope=message).update(trace)
        return self._send(message)


def _log(scope: Scope, status: int, took_s: float) -> None:
    extra = {
        "action": "http_answered",
        "method": scope["method"],
        "path": shown_path(scope),
        "status": status,
        "took_ms": round(took_s * 1000),
        "trace_id": scope["traceparent"][3:35],
        **scope.get("refusal", {}),
    }
    logger.log(logging.DEBUG if scope["path"] in _QUIET else logging.INFO, "request answered", extra=extra)
