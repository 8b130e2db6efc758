"""What a user would put before Celery: the same server and the same request model, a record, a task, and its result.

No caller holds a thread while it waits. A task's result is written to Redis and published there in one transaction; one
asyncio connection hears of all of them, which is the quickest way that there is. A look at the result itself every half
minute makes it correct, as in our facade.
"""

import argparse
import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bench.celery_records import records
from bench.celery_settings import TASK, celery_app
from bench.serving import serve
from schemas.wire.request import VideoRequest

log = logging.getLogger(__name__)
_KEY = "celery-task-meta-"
"""What Celery's Redis backend calls a result, and the channel that tells of it."""
_LOOK_EVERY_S = 30.0


@dataclass
class Results:
    """Who waits for which task."""

    redis: Redis
    waiting: dict[str, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)

    async def hear(self) -> None:
        """For ever."""
        async with self.redis.pubsub() as channel:
            await channel.psubscribe(f"{_KEY}*")
            async for message in channel.listen():
                if message["type"] == "pmessage":
                    self._tell(message["channel"].removeprefix(_KEY), message["data"])

    async def of(self, job_id: str) -> dict[str, Any]:
        """What the task returned."""
        while True:
            try:
                async with asyncio.timeout(_LOOK_EVERY_S):
                    return await asyncio.shield(self.waiting[job_id])
            except TimeoutError:
                if found := await self.redis.get(f"{_KEY}{job_id}"):
                    self._tell(job_id, str(found))

    def _tell(self, job_id: str, data: str) -> None:
        future = self.waiting.get(job_id)
        if future and not future.done():
            future.set_result(json.loads(data))


class Door:
    """Takes requests in, and answers with their videos."""

    def __init__(self, redis_url: str, folder: Path) -> None:
        self._celery = celery_app(redis_url, results=False)
        self._jobs = records(folder.parent / "jobs.db")
        self._results = Results(Redis.from_url(redis_url, decode_responses=True))

    async def generate(self, request: Request) -> Response:
        """The place is taken before the task is out: its end can't be missed."""
        wanted = VideoRequest.model_validate_json(await request.body())
        self._results.waiting[wanted.job_id] = asyncio.get_running_loop().create_future()
        try:
            await asyncio.to_thread(self._publish, wanted)
            log.info("published %s", wanted.job_id)
            return _answer(wanted, await self._results.of(wanted.job_id))
        finally:
            del self._results.waiting[wanted.job_id]

    def _publish(self, wanted: VideoRequest) -> None:
        """Both block: a flushed commit, and Redis's answer once it has flushed the message."""
        record = wanted.model_dump(mode="json")
        if self._jobs.create(wanted.job_id, record):
            self._celery.send_task(TASK, args=[wanted.job_id, record], task_id=wanted.job_id)

    @asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Hears of results for as long as the server runs."""
        hearing = asyncio.create_task(self._results.hear())
        yield
        hearing.cancel()


def _answer(wanted: VideoRequest, result: dict[str, Any]) -> Response:
    if result["status"] != "SUCCESS":
        return JSONResponse({"success": False, "detail": str(result["result"])}, status_code=500)
    made = result["result"]
    about = {"prompt": wanted.prompt, "quality": wanted.quality, "video_id": wanted.job_id}
    return JSONResponse({"success": True, "video_url": f"http://localhost/videos/{made['gcs_path']}", **about, **made})


def main() -> None:
    """Serves until it is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--redis", required=True)
    parser.add_argument("--ready-fd", type=int, required=True)
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    door = Door(asked.redis, Path(os.environ["BENCH_FOLDER"]))
    routes = [Route("/api/videos/generate", door.generate, methods=["POST"])]
    serve(Starlette(routes=routes, lifespan=door.lifespan), asked.ready_fd)


if __name__ == "__main__":
    main()
