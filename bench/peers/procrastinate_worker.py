"""A procrastinate worker: `python -m bench.peers.procrastinate_worker DATABASE CONCURRENCY FD`.

It makes the tables first.
"""

import asyncio
import logging
import os
import sys
from typing import Any

from psycopg_pool import AsyncConnectionPool

from bench.peers import procrastinate_queue as queue
from infra.event_loop import run_service


async def run(conninfo: str, concurrency: int, ready_fd: int) -> None:
    """Run until the process is killed. A line is written to `ready_fd` once the worker takes jobs."""
    async with AsyncConnectionPool[Any](conninfo, min_size=1, max_size=concurrency, open=False) as pool:
        app = queue.build_app(conninfo, pool)
        async with app.open_async():
            await app.schema_manager.apply_schema_async()
            async with pool.connection() as connection:
                await connection.execute(queue.TABLE)
            working = asyncio.create_task(
                app.run_worker_async(queues=[queue.QUEUE], concurrency=concurrency, delete_jobs="successful")
            )
            os.write(ready_fd, b"ready\n")
            os.close(ready_fd)
            await working


def main() -> None:
    """Run until SIGTERM; then finish the jobs in hand."""
    conninfo, concurrency, ready_fd = sys.argv[1:]
    logging.basicConfig(level=logging.INFO)
    run_service(run(conninfo, int(concurrency), int(ready_fd)), "auto")


if __name__ == "__main__":
    main()
