"""`POST /mcp`: the tools for agents."""

import asyncio

from starlette.responses import Response

from publisher.facade.call import Call
from publisher.facade.request_body import TooLarge, Upload
from publisher.mcp.endpoint import BODY_LIMIT_BYTES, McpResponse
from schemas.wire.validation import parse_object


async def mcp(call: Call) -> Response:
    """Answer a message of the Model Context Protocol. Raises `TooLarge`, `Invalid`, and `NotFound` without the SDK.

    The SDK would take the last value of a key that comes twice. A wrong video could be paid for then.
    """
    with Upload(call.state["uploads"]) as upload:
        body = await upload.read(call)
    if len(body) > BODY_LIMIT_BYTES:
        raise TooLarge(
            f"The body must have at most {BODY_LIMIT_BYTES:,} bytes; name a larger image by its gs:// address"
        )
    await asyncio.to_thread(parse_object, body, what="the body")
    return McpResponse(await call.state["mcp"].open(), body)
