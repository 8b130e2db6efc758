"""The last net: an exception that nobody foresaw becomes a 500 without a traceback, and a log line with one."""

import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from publisher.facade.refusals import refused
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
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:  # the outermost edge: the caller gets JSON, the log gets the rest
            if not isinstance(error, ReelbusError):
                logger.error("request broke", exc_info=error, extra={"action": "http_broke", "path": shown_path(scope)})
            if started:
                raise
            await refused(error)(scope, receive, send)
