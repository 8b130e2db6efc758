"""DBOS: HTTP server and durable workflow in one process, which is its quickest form (its queues poll once a second).

A workflow that a crash interrupts is run again from its first step without a stored result. A step that a crash
interrupts is run again: the paid step may be paid twice.
"""

import argparse
import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from dbos import DBOS, DBOSConfig, SetWorkflowID
from starlette.applications import Starlette

from bench.peers import steps
from bench.peers.http_server import build_app
from bench.serving import serve
from schemas.wire.request import VideoRequest

_AT_ONCE = 32
"""Workflows and database connections: as many as there are callers."""


@DBOS.step()
def _submit(job_id: str) -> str:
    return steps.submit(job_id)


@DBOS.step()
def _finish(job_id: str, clip: str) -> dict[str, Any]:
    return steps.finish(job_id, clip)


@DBOS.workflow()
def make_video(job_id: str, request: dict[str, Any]) -> dict[str, Any]:
    """Run a job in a thread. DBOS stores the request before the first step, and each step's result after it."""
    del request
    return _finish(job_id, _submit(job_id))


@DBOS.step()
async def _submit_async(job_id: str) -> str:
    return await asyncio.to_thread(steps.submit, job_id)


@DBOS.step()
async def _finish_async(job_id: str, clip: str) -> dict[str, Any]:
    return await asyncio.to_thread(steps.finish, job_id, clip)


@DBOS.workflow()
async def make_video_async(job_id: str, request: dict[str, Any]) -> dict[str, Any]:
    """Run a job on the event loop."""
    del request
    return await _finish_async(job_id, await _submit_async(job_id))


def _run(job_id: str, request: dict[str, Any]) -> dict[str, Any]:
    with SetWorkflowID(job_id):
        return make_video(job_id, request)


async def generate_in_thread(wanted: VideoRequest) -> dict[str, Any]:
    """Run a job as a synchronous workflow."""
    return await asyncio.to_thread(_run, wanted.job_id, wanted.model_dump(mode="json"))


async def generate_on_loop(wanted: VideoRequest) -> dict[str, Any]:
    """Run a job as an asynchronous workflow."""
    with SetWorkflowID(wanted.job_id):
        return await make_video_async(wanted.job_id, wanted.model_dump(mode="json"))


FORMS = {"threads": generate_in_thread, "async": generate_on_loop}


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[None]:
    """Run DBOS for as long as the server runs."""
    await asyncio.to_thread(DBOS.launch)
    yield
    await asyncio.to_thread(DBOS.destroy)


def main() -> None:
    """Serve until the process is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", required=True, help="SQLAlchemy URL")
    parser.add_argument("--form", choices=FORMS, required=True)
    parser.add_argument("--ready-fd", type=int, required=True)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    DBOS(
        config=DBOSConfig(
            name="bench",
            system_database_url=options.database,
            sys_db_pool_size=_AT_ONCE,
            max_executor_threads=_AT_ONCE,
            log_level="INFO",
        )
    )
    serve(build_app(FORMS[options.form], lifespan), options.ready_fd)


if __name__ == "__main__":
    main()
