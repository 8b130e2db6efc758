"""`POST /mcp`: the tools for agents."""

from starlette.responses import Response

from publisher.facade.call import Call
from publisher.facade.request_body import TooLarge, Upload
from publisher.mcp.endpoint import BODY_LIMIT_BYTES, McpResponse


async def mcp(call: Call) -> Response:
    """Answer a message of the Model Context Protocol. Raises `TooLarge`, and `NotFound` without the SDK."""
    with Upload(call.state["uploads"]) as upload:
        body = await upload.read(call)
    if len(body) > BODY_LIMIT_BYTES:
        raise TooLarge(
            f"The body must have at most {BODY_LIMIT_BYTES:,} bytes; name a larger image by its gs:// address"
        )
    return McpResponse(await call.state["mcp"].open(), body)
