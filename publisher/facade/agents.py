"""`POST /mcp`: the tools for agents."""

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from publisher.facade.call import Call
from publisher.facade.request_body import TooLarge, Upload
from publisher.mcp.endpoint import BODY_LIMIT_BYTES, McpResponse
from schemas.errors import Invalid
from schemas.wire.validation import parse_object


async def mcp(call: Call) -> Response:
    """Answer a message of the Model Context Protocol. Raises `TooLarge`, `Invalid`, and `NotFound` without the SDK.

    The SDK would take the last value of a key that comes twice. A wrong video could be paid for then.
    """
    with Upload(call.state["uploads"]) as upload:
        body = await upload.read(call)
    if len(body) > BODY_LIMIT_BYTES:
        raise TooLarge(
            f"The body must have at most {BODY_LIMIT_BYTES:,} bytes, not {len(body):,}; "
            "name a larger image by its gs:// address"
        )
    message = await asyncio.to_thread(parse_object, body, what="the body")
    app = await call.state["mcp"].open()
    _check_message(message)
    return McpResponse(app, body)


def _check_message(message: Mapping[str, Any]) -> None:
    """Raise `Invalid` for an object that is no message of JSON-RPC: the SDK would answer with a page of pydantic's."""
    if message.get("jsonrpc") != "2.0":
        raise Invalid('jsonrpc must be "2.0": /mcp takes messages of the Model Context Protocol', field="jsonrpc")
    is_answer = "result" in message or "error" in message
    if not is_answer and not isinstance(message.get("method"), str):
        raise Invalid("method must be a text, such as tools/list", field="method")
