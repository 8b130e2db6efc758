"""The least that a job with our guarantees takes on this disk: its flushed commits and files, by a bare script."""

import json
import sqlite3
import statistics
import time
from pathlib import Path

from bench.deployments import make_clip
from bench.peers.steps import put

JOBS = 60
COMMITS = 6
"""Flushed ones of a job of one clip: record, request, submitting, generating, end, completion. A lease has none."""
_RECORD = json.dumps({"filling": "x" * 2000})
_POSTER = b"\xff\xd8\xff\xd9"


def measure_floor(folder: Path) -> float:
    """Return the median milliseconds of a job: `COMMITS` flushed commits, a video and a poster, flushed too."""
    folder.mkdir()
    clip, poster = make_clip(folder), folder / "poster.jpg"
    poster.write_bytes(_POSTER)
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE jobs (job_id TEXT, record TEXT)")
    took = []
    for number in range(JOBS):
        began = time.perf_counter()
        for _ in range(COMMITS // 2):
            connection.execute("INSERT INTO jobs VALUES (?, ?)", (str(number), _RECORD))
        put(clip, folder / "videos" / f"{number}.mp4")
        put(poster, folder / "videos" / f"{number}.jpg")
        for _ in range(COMMITS - COMMITS // 2):
            connection.execute("INSERT INTO jobs VALUES (?, ?)", (str(number), _RECORD))
        took.append(time.perf_counter() - began)
    connection.close()
    return 1000 * statistics.median(took)
