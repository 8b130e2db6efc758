"""The HTTP server in front of Celery: a record, a task, and its result.

No caller holds a thread while it waits. Celery's Redis backend publishes each result. One asyncio connection receives
all of them, which is the quickest way there is. A read of the result every half minute makes the wait correct, as in
our facade.
"""

import argparse
import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis
from starlette.applications import Starlette

from bench.peers.celery_settings import TASK, celery_app
from bench.peers.http_server import build_app
from bench.peers.results import Results
from bench.peers.sqlite_records import records
from bench.peers.steps import store
from bench.serving import serve
from schemas.wire.request import VideoRequest

logger = logging.getLogger(__name__)
_KEY = "celery-task-meta-"
"""Celery's Redis backend stores a result under this key, and publishes it on the channel of the same name."""


class CeleryServer:
    """Publishes a task for each request and waits for its result."""

    def __init__(self, redis_url: str) -> None:
        self._celery = celery_app(redis_url, results=False)
        self._redis = Redis.from_url(redis_url, decode_responses=True)
        self._jobs = records(store().parent / "jobs.db")
        self._results = Results(self._read)

    async def generate(self, wanted: VideoRequest) -> dict[str, Any]:
        """Run a job to its end. The waiter is registered before the task is published: its result can't be missed."""
        with self._results.register(wanted.job_id):
            await asyncio.to_thread(self._publish, wanted)
            logger.info("published %s", wanted.job_id)
            result = json.loads(await self._results.wait(wanted.job_id))
        if result["status"] != "SUCCESS":
            raise RuntimeError(str(result["result"]))
        made: dict[str, Any] = result["result"]
        return made

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Receive results for as long as the server runs."""
        receiving = asyncio.create_task(self._receive())
        yield
        receiving.cancel()

    def _publish(self, wanted: VideoRequest) -> None:
        """Commit the record and publish the task. Both block: a flushed commit, and Redis's answer after its flush."""
        record = wanted.model_dump(mode="json")
        if self._jobs.create(wanted.job_id, record):
            self._celery.send_task(TASK, args=[wanted.job_id, record], task_id=wanted.job_id)

    async def _receive(self) -> None:
        async with self._redis.pubsub() as channel:
            await channel.psubscribe(f"{_KEY}*")
            async for message in channel.listen():
                if message["type"] == "pmessage":
                    self._results.set(message["channel"].removeprefix(_KEY), message["data"])

    async def _read(self, job_id: str) -> str | None:
        found = await self._redis.get(f"{_KEY}{job_id}")
        return None if found is None else str(found)


def main() -> None:
    """Serve until the process is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--redis", required=True)
    parser.add_argument("--ready-fd", type=int, required=True)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    server = CeleryServer(options.redis)
    serve(build_app(server.generate, server.lifespan), options.ready_fd)


if __name__ == "__main__":
    main()
