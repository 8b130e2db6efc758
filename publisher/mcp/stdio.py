"""The server on standard input and output, for one agent on this machine. This module imports the SDK."""

from functools import partial

from mcp.server.stdio import stdio_server

from publisher.access import Access
from publisher.compose import local_file
from publisher.context import PublisherContext
from publisher.facade.request_body import AdmissionControl
from publisher.mcp.server import build_server
from publisher.mcp.tools import ToolCall, ToolHost
from publisher.settings import PublisherSettings
from publisher.waiting import Waiters
from schemas.wire.types import child_of


async def serve_stdio(settings: PublisherSettings, ctx: PublisherContext) -> None:
    """Serve until standard input ends. The agent may do everything that a caller without a key may do."""
    async with Waiters(ctx, look_every_s=settings.look_every_s, max_waits=settings.max_waits) as waiters:
        host = ToolHost(
            ctx=ctx,
            waiters=waiters,
            admission=AdmissionControl(settings.intake_at_once),
            max_cost_usd=settings.mcp_max_cost_usd,
            local_file=partial(local_file, settings),
        )
        server = build_server(lambda _: ToolCall(host=host, access=Access(), traceparent=child_of(None)))
        async with stdio_server() as (received, answers):
            await server.run(received, answers, server.create_initialization_options())
