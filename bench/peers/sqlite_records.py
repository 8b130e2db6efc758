"""The job records of the Celery side: as many flushed commits of a record as reelbus makes."""

import json
import sqlite3
import threading
from functools import cache
from pathlib import Path
from typing import Any

_TABLE = """
    CREATE TABLE IF NOT EXISTS jobs
        (job_id TEXT PRIMARY KEY, state TEXT NOT NULL, revision INTEGER NOT NULL, record TEXT NOT NULL)
"""
_CREATE = "INSERT INTO jobs VALUES (?, 'queued', 1, ?) ON CONFLICT (job_id) DO NOTHING"
_SAVE = "UPDATE jobs SET state = ?, revision = revision + 1, record = ? WHERE job_id = ? AND revision = ?"


class Records:
    """One connection for each thread; a committed write survives a power cut."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        self._connection()  # the server makes the file: two processes that make it at once hinder each other

    def create(self, job_id: str, record: dict[str, Any]) -> bool:
        """Return False if the job exists."""
        return self._connection().execute(_CREATE, (job_id, json.dumps(record))).rowcount == 1

    def save(self, job_id: str, state: str, revision: int, record: dict[str, Any]) -> None:
        """Compare and set. Raises `RuntimeError` if another process changed the record."""
        values = (state, json.dumps({**record, "state": state}), job_id, revision)
        if self._connection().execute(_SAVE, values).rowcount == 0:
            raise RuntimeError(f"job {job_id} is not at revision {revision} any more")

    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._local.connection = sqlite3.connect(self._path, timeout=10, isolation_level=None)
            found.execute("PRAGMA journal_mode = WAL")
            found.execute("PRAGMA synchronous = FULL")
            found.execute(_TABLE)
        return found


@cache
def records(path: Path) -> Records:
    """Return this process's records. A forked worker calls it only after the fork."""
    return Records(path)
