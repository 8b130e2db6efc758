"""The server of the SDK: it lists the tools, calls them, and puts answers and errors into the form of the protocol.

This module imports the SDK, which takes a second: `publisher.mcp.endpoint` and `reelbus mcp` import it when asked.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mcp.server import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ContentBlock,
    ListToolsResult,
    PaginatedRequestParams,
    ResourceLink,
    TextContent,
    Tool,
    ToolAnnotations,
)
from pydantic import BaseModel
from starlette.requests import Request

from publisher import package_version
from publisher.facade.errors import ErrorBody, error_response
from publisher.mcp.arguments import (
    WAIT_AT_MOST_S,
    CancelArguments,
    GetArguments,
    ListArguments,
    request_schema,
)
from publisher.mcp.results import AgentListing, AgentVideo
from publisher.mcp.tools import Refused, ToolCall
from publisher.plan import VideoPlan
from schemas.errors import ReelbusError

logger = logging.getLogger(__name__)
OpenCall = Callable[[Any], ToolCall]
"""Returns the call of a tool that a request of the transport makes: an HTTP request, or None on standard input."""

ERROR_KEY = "reelbus/error"
"""The key of `_meta` that holds the failure of a refused call, for programs."""
_INSTRUCTIONS = (
    "Makes short videos from prompts. Call `plan` to see the price, `create` to order, then `get` until `state` is "
    "succeeded, failed, cancelled or expired. `create` with the same arguments is the same video: repeat it safely."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _ToolText:
    description: str
    input_schema: dict[str, Any]
    answer: type[BaseModel]
    hints: ToolAnnotations


_TOOLS = {
    "plan": _ToolText(
        description="Say what a video would cost and how long it takes, without making it. `refusal` says why `create` "
        "would not make it; `video_id` names the video that these arguments have made already.",
        input_schema=request_schema(),
        answer=VideoPlan,
        hints=ToolAnnotations(read_only_hint=True),
    ),
    "create": _ToolText(
        description="Order a video and answer at once with its `video_id`; then call `get`. The same arguments again "
        "return the same video and pay nothing, whatever became of it. Another `take` makes another video.",
        input_schema=request_schema(),
        answer=AgentVideo,
        hints=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True),
    ),
    "get": _ToolText(
        description=f"Show a video; wait for its end, for `wait_s` seconds ({WAIT_AT_MOST_S} at most). Once `state` is "
        "succeeded, the answer links the file.",
        input_schema=GetArguments.model_json_schema(),
        answer=AgentVideo,
        hints=ToolAnnotations(read_only_hint=True),
    ),
    "cancel": _ToolText(
        description="Cancel a video. What no model has accepted costs nothing; the rest stays charged.",
        input_schema=CancelArguments.model_json_schema(),
        answer=AgentVideo,
        hints=ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True),
    ),
    "list": _ToolText(
        description="List videos, the newest first.",
        input_schema=ListArguments.model_json_schema(),
        answer=AgentListing,
        hints=ToolAnnotations(read_only_hint=True),
    ),
}


def build_server(open_call: OpenCall) -> Server[dict[str, Any]]:
    """Return a server whose tools are called by what `open_call` returns."""

    async def list_tools(_: ServerRequestContext, __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(
            tools=[
                Tool(
                    name=name,
                    description=text.description,
                    input_schema=text.input_schema,
                    output_schema=text.answer.model_json_schema(mode="serialization"),
                    annotations=text.hints,
                )
                for name, text in _TOOLS.items()
            ]
        )

    async def call_tool(ctx: ServerRequestContext, params: CallToolRequestParams) -> CallToolResult:
        if params.name not in _TOOLS:
            raise MCPError(INVALID_PARAMS, f"There is no tool {params.name[:100]!r}; there are {', '.join(_TOOLS)}")
        try:
            answer = await getattr(open_call(ctx.request), params.name)(params.arguments or {})
        except Exception as error:  # noqa: BLE001 - the edge of the server: the agent gets a sentence, the log the rest
            return _refuse(ctx.request, error)
        return CallToolResult(
            content=[TextContent(text=answer.model_dump_json()), *_links(answer)],
            structured_content=answer.model_dump(mode="json"),
        )

    logging.getLogger("mcp").setLevel(logging.ERROR)  # the SDK writes a line for each call, and for each bad one
    return Server(
        "reelbus",
        version=package_version(),
        title="reelbus",
        instructions=_INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def build_manager(open_call: OpenCall, body_limit_bytes: int) -> StreamableHTTPSessionManager:
    """Return the server behind streamable HTTP. It keeps no sessions: each facade can answer each call.

    The facade has checked `Host` and `Origin` itself.
    """
    return StreamableHTTPSessionManager(build_server(open_call), stateless=True, max_request_body_size=body_limit_bytes)


def _links(answer: BaseModel) -> list[ContentBlock]:
    """Return the link of a finished video."""
    if not isinstance(answer, AgentVideo) or answer.video_url is None:
        return []
    return [ResourceLink(name=f"{answer.video_id}.mp4", uri=answer.video_url, mime_type="video/mp4")]


def _refuse(request: Request[Any] | None, error: Exception) -> CallToolResult:
    """Return an error in the words and with the codes of the HTTP API. The facade logs it with the call.

    An error has no structured content: the SDK for Node holds that against the schema of the tool's answer.
    """
    if isinstance(error, Refused):
        body = ErrorBody(detail=str(error), error=error.failure)
    else:
        body = ErrorBody.model_validate_json(bytes(error_response(error).body))
    if not isinstance(error, ReelbusError):
        logger.error("tool failed", exc_info=error, extra={"action": "mcp_broke"})
    if request:
        request.scope["refusal"] = {"code": body.error.code}
    return CallToolResult(
        is_error=True,
        content=[TextContent(text=body.detail)],
        meta={ERROR_KEY: body.error.model_dump(mode="json", exclude_none=True)},
    )
