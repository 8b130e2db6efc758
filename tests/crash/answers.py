"""Points at the facade's answers: before and after the first line of each goes out."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.crash.points import Points


class AnswerTap:
    """Around the whole application."""

    def __init__(self, app: ASGIApp, points: Points) -> None:
        self._app, self._points = app, points

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def tapped(message: Message) -> None:
            if message["type"] != "http.response.start":
                await send(message)
                return
            self._points.passed(f"before answer {message['status']}")
            await send(message)
            self._points.passed(f"after answer {message['status']}")

        await self._app(scope, receive, tapped)
