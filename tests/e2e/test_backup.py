"""A backup that is taken from a service at work, restored after all of it is lost, and worked off."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from typing import Any

import httpx

from tests.e2e.processes import House, client_of

PATH = "/api/videos/generate"
ORDER = {"prompt": "A paper boat on a city river", "duration_seconds": 1}
AHEAD = [f"job-{number}" for number in range(4)]


async def test_what_a_backup_holds_is_finished_after_a_restore(house: House) -> None:
    copy = house.folder.with_name("copy")
    with house.facade() as (_, url), house.worker():
        async with client_of(url) as client:
            first = (await client.post(PATH, json={**ORDER, "job_id": "finished"})).json()
            for job_id in AHEAD:
                await _order(client, job_id)
            done = await asyncio.to_thread(_back_up, house, str(copy))
            await _order(client, "after-the-backup")
    assert (done["jobs"], done["files"] >= 2) == (5, True)
    shutil.rmtree(house.folder)
    copy.rename(house.folder)
    with house.facade() as (_, url), house.worker():
        async with client_of(url) as client, asyncio.timeout(100):
            again = (await client.post(PATH, json={**ORDER, "job_id": "finished"})).json()
            film = await client.get(again["video_url"])
            ended = [(await client.post(PATH, json={**ORDER, "job_id": job_id})).status_code for job_id in AHEAD]
            missing = (await client.get("/api/videos/after-the-backup")).status_code
    assert (again["gcs_path"], film.status_code) == (first["gcs_path"], 200)
    assert (ended, missing) == ([200] * len(AHEAD), 404)


async def _order(client: httpx.AsyncClient, job_id: str) -> None:
    answer = await client.post(PATH, json={**ORDER, "job_id": job_id}, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202, answer.text


def _back_up(house: House, to: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "publisher", "backup", to, "--json"]
    environment = {**os.environ, "REELBUS_DATA_DIR": str(house.folder)}
    done = subprocess.run(command, env=environment, cwd=house.folder, capture_output=True, text=True, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    return told
