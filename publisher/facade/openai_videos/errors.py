"""Errors of `/v1/…` in the shape of OpenAI's API.

The rest of the facade, its middleware included, answers all errors in one shape. This middleware is outside of it, and
rewrites what it answers there.
"""

from collections.abc import Awaitable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from publisher.facade.errors import ErrorBody

PREFIX = "/v1/"
_TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


class OpenAIError(BaseModel):
    """Why a call was refused."""

    model_config = ConfigDict(frozen=True)

    message: str
    type: str
    param: str | None = Field(default=None, description="The field or parameter that is wrong.")
    code: str | None = None


class OpenAIErrorBody(BaseModel):
    """The body of an error, in the shape of OpenAI's API."""

    model_config = ConfigDict(frozen=True)

    error: OpenAIError


class OpenAIErrors:
    """Rewrites the errors of the paths below `/v1/`, and says of each whether the client should send the call again."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        is_ours = scope["type"] == "http" and scope["path"].startswith(PREFIX)
        return self._app(scope, receive, _OpenAIErrorResponder(send).send if is_ours else send)


class _OpenAIErrorResponder:
    """Wraps `send` for one call, and holds the head of an error until its body is there."""

    __slots__ = ("_body", "_head", "_send")

    def __init__(self, send: Send) -> None:
        self._send = send
        self._head: Message | None = None
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] >= 400:
            self._head = message
        elif self._head is None or message["type"] != "http.response.body":
            await self._send(message)
        else:
            self._body += message.get("body", b"")
            if message.get("more_body"):
                return
            status = self._head["status"] if self._head["status"] != 410 else 404  # clients know no 410
            body, repeat = _rewrite(self._body, status)
            MutableHeaders(scope=self._head).update({"content-length": str(len(body)), "x-should-retry": repeat})
            await self._send({**self._head, "status": status})
            await self._send({"type": "http.response.body", "body": body})


def _rewrite(body: bytes, status: int) -> tuple[bytes, Literal["true", "false"]]:
    """Return the body, and whether to send the call again. A body that is none of ours stays as it is."""
    try:
        ours = ErrorBody.model_validate_json(body)
    except ValidationError:
        return body, "false"
    kind = _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    error = OpenAIError(message=ours.detail, type=kind, param=ours.error.field, code=ours.error.code)
    return OpenAIErrorBody(error=error).model_dump_json().encode(), "true" if ours.error.retryable else "false"
