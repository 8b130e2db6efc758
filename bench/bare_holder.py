"""What the facade is measured against: a Starlette application that takes a body and holds its caller, for ever."""

import argparse
import asyncio
import os
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def hold(request: Request) -> Response:
    """Says that it holds one more, as the facade's log does; nothing ever ends it."""
    await request.body()
    sys.stderr.write('{"action": "submit_published"}\n')
    await asyncio.Event().wait()
    return Response()


class _Server(uvicorn.Server):
    ready_fd: int

    async def startup(self, sockets: object = None) -> None:
        await super().startup()
        port = self.servers[0].sockets[0].getsockname()[1]
        os.write(self.ready_fd, f"http://127.0.0.1:{port}\n".encode())
        os.close(self.ready_fd)


def main() -> None:
    """Serves until it is killed, with the facade's own server settings."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--ready-fd", type=int, required=True)
    app = Starlette(routes=[Route("/api/videos/generate", hold, methods=["POST"])])
    server = _Server(
        uvicorn.Config(
            app,
            port=0,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
    server.ready_fd = parser.parse_args().ready_fd
    server.run()


if __name__ == "__main__":
    main()
