"""What the facade is measured against: a Starlette application that takes a body and holds its caller, for ever."""

import argparse
import asyncio
import sys

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.serving import serve


async def hold(request: Request) -> Response:
    """Says that it holds one more, as the facade's log does; nothing ever ends it."""
    await request.body()
    sys.stderr.write('{"action": "submit_published"}\n')
    await asyncio.Event().wait()
    return Response()


def main() -> None:
    """Serves until it is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--ready-fd", type=int, required=True)
    app = Starlette(routes=[Route("/api/videos/generate", hold, methods=["POST"])])
    serve(app, parser.parse_args().ready_fd)


if __name__ == "__main__":
    main()
