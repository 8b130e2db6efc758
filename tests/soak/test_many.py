"""Many jobs at once while workers are killed; and films of the longest length. Minutes, not seconds: `make soak`."""

import asyncio
import os
from collections import Counter
from pathlib import Path

import av
import httpx
import pytest

from tests.e2e.processes import House, client_of

JOBS = int(os.environ.get("JOBS", "80"))
"""`make long` sends 200."""


@pytest.fixture
def house(tmp_path: Path) -> House:
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "log").touch()
    return House(folder, tmp_path / "log", {"REELBUS_RENDERERS": str(os.cpu_count() or 1)})


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_many_callers_at_once_survive_two_killed_workers(house: House) -> None:
    with house.facade() as (_, url):
        async with client_of(url) as client:
            asking = [asyncio.create_task(_generate(client, f"job-{number}")) for number in range(JOBS)]
            for kill_after in (JOBS // 4, JOBS // 2):
                with house.worker() as worker:
                    await _answered(asking, kill_after)
                    worker.kill()
            with house.worker():
                answers = await asyncio.gather(*asking)
                listed = await _all_jobs(client)
    assert Counter(answer.status_code for answer in answers) == {200: JOBS}
    finals = Counter(answer.json()["gcs_path"] for answer in answers)
    assert len(finals) == JOBS
    assert {f"generated-videos/{path.name}" for path in house.finals()} == finals.keys()
    assert Counter(job["state"] for job in listed) == {"succeeded": JOBS}
    assert all(_frames(path) == 24 for path in house.finals())


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("seconds", "aspect", "resolution", "size"),
    [
        (30, "16:9", "720p", (1280, 720)),
        (5, "9:16", "1080p", (1080, 1920)),
        (1, "9:16", "720p", (720, 1280)),
    ],
)
async def test_every_length_and_shape_comes_out_exact(
    house: House, seconds: int, aspect: str, resolution: str, size: tuple[int, int]
) -> None:
    order = {"prompt": "A train through four seasons", "duration_seconds": seconds}
    order |= {"aspect_ratio": aspect, "resolution": resolution}
    with house.facade() as (_, url), house.worker():
        async with client_of(url) as client:
            answer = await client.post("/api/videos/generate", json=order)
    assert answer.status_code == 200, answer.text
    [film] = house.finals()
    assert _frames(film) == seconds * 24
    assert (answer.json()["width"], answer.json()["height"]) == size


async def _generate(client: httpx.AsyncClient, job_id: str) -> httpx.Response:
    """What a patient caller does: a 503 or 504 is asked again with the same id."""
    order = {"prompt": f"A candle that burns down, take {job_id}", "duration_seconds": 1, "job_id": job_id}
    while True:
        answer = await client.post("/api/videos/generate", json=order)
        if answer.status_code not in (503, 504):
            return answer


async def _answered(asking: list[asyncio.Task[httpx.Response]], count: int) -> None:
    while sum(task.done() for task in asking) < count:
        await asyncio.wait([task for task in asking if not task.done()], return_when=asyncio.FIRST_COMPLETED)


async def _all_jobs(client: httpx.AsyncClient) -> list[dict[str, str]]:
    jobs: list[dict[str, str]] = []
    cursor: str | None = None
    while True:
        params = {"cursor": cursor} if cursor else {}
        page = (await client.get("/api/videos", params=params)).json()
        jobs.extend(page["videos"])
        cursor = page["next_cursor"]
        if cursor is None:
            return jobs


def _frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))
