"""Serves an application with the facade's own server settings and event loop, and says where once it answers."""

import os

import uvicorn
from starlette.applications import Starlette


class _Server(uvicorn.Server):
    ready_fd: int

    async def startup(self, sockets: object = None) -> None:
        await super().startup()
        port = self.servers[0].sockets[0].getsockname()[1]
        os.write(self.ready_fd, f"http://127.0.0.1:{port}\n".encode())
        os.close(self.ready_fd)


def serve(app: Starlette, ready_fd: int) -> None:
    """Until it is killed."""
    server = _Server(
        uvicorn.Config(
            app,
            port=0,
            loop="auto",  # uvloop, as in the facade
            http="h11",
            ws="none",
            lifespan="auto",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
    )
    server.ready_fd = ready_fd
    server.run()
