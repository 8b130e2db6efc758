"""The HTTP server in front of procrastinate: a record, a job, and its result by PostgreSQL's notifications."""

import argparse
import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette

from bench.peers import procrastinate_queue as queue
from bench.peers.http_server import build_app
from bench.peers.results import Results
from bench.serving import serve
from schemas.wire.request import VideoRequest

logger = logging.getLogger(__name__)
_READ = "SELECT record FROM bench_jobs WHERE job_id = %s AND state = 'succeeded'"


class ProcrastinateServer:
    """Defers a job for each request and waits for its result."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._pool = AsyncConnectionPool[Any](conninfo, min_size=1, max_size=queue.AT_ONCE, open=False)
        self._app = queue.build_app(conninfo, self._pool)
        self._task = self._app.configure_task("make_video", queue=queue.QUEUE)
        self._results = Results(self._read)

    async def generate(self, wanted: VideoRequest) -> dict[str, Any]:
        """Run a job to its end. The waiter is registered before the job is deferred: its result can't be missed."""
        with self._results.register(wanted.job_id):
            async with self._pool.connection() as connection:
                created = await connection.execute(queue.CREATE, (wanted.job_id, wanted.model_dump_json()))
            if created.rowcount == 1:
                await self._task.defer_async(job_id=wanted.job_id)
            logger.info("published %s", wanted.job_id)
            made: dict[str, Any] = json.loads(await self._results.wait(wanted.job_id))
        return made

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Receive results for as long as the server runs."""
        async with self._pool, self._app.open_async():
            receiving = asyncio.create_task(self._receive())
            yield
            receiving.cancel()

    async def _receive(self) -> None:
        async with await AsyncConnection.connect(self._conninfo, autocommit=True) as connection:
            await connection.execute(f"LISTEN {queue.CHANNEL}")
            async for notification in connection.notifies():
                result = json.loads(notification.payload)
                self._results.set(result.pop("job_id"), json.dumps(result))

    async def _read(self, job_id: str) -> str | None:
        async with self._pool.connection() as connection:
            row = await (await connection.execute(_READ, (job_id,))).fetchone()
        return json.dumps(row[0]) if row else None


def main() -> None:
    """Serve until the process is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", required=True)
    parser.add_argument("--ready-fd", type=int, required=True)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    server = ProcrastinateServer(options.database)
    serve(build_app(server.generate, server.lifespan), options.ready_fd)


if __name__ == "__main__":
    main()
