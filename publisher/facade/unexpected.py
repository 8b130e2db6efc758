"""The last net: an exception that nobody foresaw becomes a 500 without a traceback, and a log line with one."""

import logging
from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from publisher.facade.refusals import note_refusal, refused
from publisher.facade.trace import shown_path
from schemas.errors import ReelbusError

logger = logging.getLogger(__name__)


class Unexpected:
    """Answers what the middleware inside it refuses, and what breaks anywhere."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Watched(send)
        try:
            await self._app(scope, receive, answer.send)
        except Exception as error:  # the outermost edge: the caller gets JSON, the log gets the rest
            if not isinstance(error, ReelbusError):
                logger.error("request broke", exc_info=error, extra={"action": "http_broke", "path": shown_path(scope)})
            if answer.started:
                raise
            note_refusal(scope, error)
            await refused(error)(scope, receive, send)


class _Watched:
    """One answer on its way."""

    __slots__ = ("_send", "started")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    def send(self, message: Message) -> Awaitable[None]:
        self.started = self.started or message["type"] == "http.response.start"
        return self._send(message)
