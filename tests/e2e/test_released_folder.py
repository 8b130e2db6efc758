"""The data folder of every release, taken over by the processes of this version: what was half-way is finished."""

import asyncio
import json
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.processes import House, client_of

RELEASES = sorted(path.parent for path in Path(__file__).parent.parent.glob("corpus/*/data.tar.xz"))
SHORT = {
    "REELBUS_SUBMIT_WITHIN_S": "1",
    "REELBUS_SUBMIT_TIMEOUT_S": "1",
    "REELBUS_SUBMITTING_HOLD_S": "3",
    "REELBUS_GENERATION_S": "1",
    "REELBUS_RECONCILE_EVERY_S": "1",
    "REELBUS_RENDERERS": "1",
}
"""The windows of what nobody knows are over soon."""
ENDS = {
    "queued": "succeeded",
    "lost-message": "succeeded",
    "generating": "succeeded",
    "storing": "succeeded",
    "submitting": "failed",
    "unknown": "cancelled",
}
"""What becomes of the jobs that the release left half-way, by its own promises."""


@pytest.mark.parametrize("release", [pytest.param(path, id=path.name) for path in RELEASES])
async def test_a_folder_that_a_release_left_is_worked_off(house: House, release: Path) -> None:
    with tarfile.open(release / "data.tar.xz") as archive:
        archive.extractall(house.folder.parent, filter="data")
    with closing(sqlite3.connect(house.folder / "reelbus.db")) as database, database:
        database.execute("UPDATE jobs SET next_check_at = 0 WHERE next_check_at > 0")  # however new the corpus is
    house.settings.update(SHORT)
    kept = json.loads((release / "records.json").read_text("utf-8"))
    with house.facade() as (_, url), house.worker():
        async with client_of(url) as client, asyncio.timeout(100):
            seen = {job_id: await _ended(client, job_id) for job_id in ENDS}
            page = (await client.get("/api/videos", params={"limit": 200})).json()
            assert {view["video_id"] for view in page["videos"]} == kept.keys()
            before = (await client.get("/api/videos/succeeded")).json()
            film = await client.get(before["video_url"])
    assert {job_id: view["state"] for job_id, view in seen.items()} == ENDS
    assert seen["submitting"]["error"]["code"] == "submit_unknown"
    assert {seen[job_id]["charged"] for job_id in ("submitting", "unknown")} == {"unknown"}
    assert film.status_code == 200
    assert len(film.content) == kept["succeeded"]["means"]["result"]["size_bytes"]


async def _ended(client: Any, job_id: str) -> dict[str, Any]:
    while True:
        view: dict[str, Any] = (await client.get(f"/api/videos/{job_id}", params={"wait": 5})).json()
        if view["state"] in ("succeeded", "failed", "cancelled", "expired"):
            return view
