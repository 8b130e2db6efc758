"""procrastinate as it has to be set up so that no job is lost: a record, a job, and its result, all in PostgreSQL."""

import asyncio
import json
from typing import Any

from procrastinate import App, JobContext, PsycopgConnector
from psycopg_pool import AsyncConnectionPool

from bench.peers import steps

AT_ONCE = 32
CHANNEL = "bench_results"
QUEUE = "videos"
TABLE = """
    CREATE TABLE IF NOT EXISTS bench_jobs
        (job_id TEXT PRIMARY KEY, state TEXT NOT NULL, revision INTEGER NOT NULL, record JSONB NOT NULL)
"""
CREATE = "INSERT INTO bench_jobs VALUES (%s, 'queued', 1, %s) ON CONFLICT (job_id) DO NOTHING"
_SAVE = """
    UPDATE bench_jobs SET state = %s, revision = revision + 1, record = record || %s
        WHERE job_id = %s AND revision = %s
"""
_NOTIFY = "SELECT pg_notify(%s, %s)"


def build_app(conninfo: str, pool: AsyncConnectionPool[Any]) -> App:
    """Return the application of the HTTP server or the worker. `pool`: for the records."""
    app = App(connector=PsycopgConnector(conninfo=conninfo, max_size=AT_ONCE))

    @app.task(name="make_video", queue=QUEUE, pass_context=True, retry=True)
    async def make_video(context: JobContext, *, job_id: str) -> None:
        """Run a job whose record is at its first revision."""
        del context
        await save(pool, job_id, "submitting", 1, {})  # before the paid call
        await save(pool, job_id, "generating", 2, {})  # after it, with the operation's name
        result = await asyncio.to_thread(_make, job_id)
        await save(pool, job_id, "succeeded", 3, result)

    return app


def _make(job_id: str) -> dict[str, Any]:
    return steps.finish(job_id, steps.submit(job_id))


async def save(pool: AsyncConnectionPool[Any], job_id: str, state: str, revision: int, added: dict[str, Any]) -> None:
    """Compare and set; the last save notifies the HTTP server in the same transaction."""
    async with pool.connection() as connection:
        cursor = await connection.execute(_SAVE, (state, json.dumps(added), job_id, revision))
        if cursor.rowcount == 0:
            raise RuntimeError(f"job {job_id} is not at revision {revision} any more")
        if state == "succeeded":
            await connection.execute(_NOTIFY, (CHANNEL, json.dumps({"job_id": job_id, **added})))
