"""The facade's calls in spans: pure ASGI, and no task or frame more than a call needs."""

import re
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from opentelemetry.trace import SpanKind

from infra.telemetry.meters import Meters
from infra.telemetry.spans import ROOT, Tracer, context_of, set_job_id, traceparent_of
from schemas.wire.types import is_traceparent

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PROBES = frozenset({"/livez", "/readyz"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
_CONVERTER = re.compile(r":[^{}]*(?=\})")


class TracedCalls:
    """Begins a span for each call, in the caller's trace, and puts its context into `scope["traceparent"]`."""

    def __init__(self, app: App, *, tracer: Tracer, meters: Meters, routes: Mapping[Any, str]) -> None:
        """`routes` has the templates of the paths by their endpoints."""
        self._app, self._tracer, self._meters = app, tracer, meters
        self._routes = {endpoint: _CONVERTER.sub("", path) for endpoint, path in routes.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PROBES:
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        about: dict[str, str | int] = {"http.request.method": method, "url.scheme": scope["scheme"]}
        set_job_id(None)
        parent = context_of(_traceparent_in(scope)) or ROOT
        span = self._tracer.begin(method, SpanKind.SERVER, parent=parent)
        scope["traceparent"] = traceparent_of(span)
        answer = _Responder(send)
        began = time.monotonic()
        active = {"http.request.method": method}
        self._meters.add("http.server.active_requests", 1, active)
        try:
            with span:
                try:
                    await self._app(scope, receive, answer.send)
                finally:
                    if route := self._routes.get(scope.get("endpoint")):
                        about["http.route"] = route
                        span.name = f"{method} {route}"
                    about["http.response.status_code"] = answer.status
                    if answer.status >= 500:
                        about["error.type"] = str(answer.status)
                    span.add(about)
        finally:
            about.pop("error.type", None)
            self._meters.add("http.server.active_requests", -1, active)
            self._meters.add("http.server.request.duration", time.monotonic() - began, about)


class _Responder:
    """Wraps `send` for one call."""

    __slots__ = ("_send", "status")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0
        """0 until the response starts."""

    def send(self, message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        return self._send(message)


def _traceparent_in(scope: Scope) -> str | None:
    found = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"), "")
    return found if is_traceparent(found) else None
