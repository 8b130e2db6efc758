"""The progress of a local film is its frames: those of the report, whatever the time, and beyond a killed worker."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import httpx

from tests.e2e.processes import House, client_of

FRAMES = 6 * 24
ORDER = {"prompt": "A lighthouse in a storm", "duration_seconds": 6, "job_id": "order-1"}


async def progress_in(client: httpx.AsyncClient) -> tuple[str, float]:
    view = (await client.get("/api/videos/order-1")).json()
    return view["state"], view["progress"]


async def told(client: httpx.AsyncClient) -> AsyncGenerator[float, None]:
    """The progress in the job's event stream, until its end."""
    async with client.stream("GET", "/api/videos/order-1/events") as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data: "):
                yield json.loads(line.removeprefix("data: "))["progress"]


def frames_in(report: Path) -> int:
    frames, total = map(int, report.read_text().split())
    assert total == FRAMES
    return frames


async def test_progress_is_the_frames_written_and_goes_on_where_a_killed_worker_left_it(house: House) -> None:
    house.settings["REELBUS_EVENTS_LOOK_EVERY_S"] = "0.05"
    with house.facade() as (_, url):
        async with client_of(url) as client, asyncio.timeout(120):
            await client.post("/api/videos/generate", json=ORDER, headers={"Prefer": "respond-async"})
            with house.worker() as worker:
                async with aclosing(told(client)) as stream:
                    first = await anext(progress async for progress in stream if progress > 0.1)
                os.killpg(worker.process.pid, signal.SIGSTOP)
                [report] = [path for path in (house.folder / "progress").iterdir() if not path.name.startswith(".")]
                written = frames_in(report)
                assert first <= round(written / FRAMES, 3) < 0.95
                stopped = [await progress_in(client) for _ in range(20)]
                assert stopped == [("generating", round(written / FRAMES, 3))] * 20, "no time moves it"
                worker.kill()
            assert await progress_in(client) == stopped[0]
            with house.worker():
                seen = [progress async for progress in told(client)]
            assert await progress_in(client) == ("succeeded", 1)
    assert seen == sorted(seen)
    frames = [progress * FRAMES for progress in seen if 0 < progress < 0.95]
    assert all(abs(each - round(each)) < 0.0006 * FRAMES for each in frames), "each is a whole number of frames"
    assert round(min(frames)) == written
    assert round(max(frames)) > written, "the next worker's frames count as well"
