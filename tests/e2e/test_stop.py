"""SIGTERM of a real worker, with a paid call under way on the wire."""

import signal
import socket
from pathlib import Path

import httpx
import pytest

from schemas.domain.states import ClipState, JobState
from tests.support.wire import WireHouse, wire_house


@pytest.mark.parametrize("drain_s", ["0", "60"])
async def test_a_stopping_worker_sends_nothing_new_and_keeps_the_answer_under_way(tmp_path: Path, drain_s: str) -> None:
    """One submit a minute: the second job waits for its turn when SIGTERM comes, and the first for its answer."""
    async with wire_house(tmp_path, REELBUS_DRAIN_S=drain_s, REELBUS_SUBMITS_PER_MINUTE="1") as house:
        answers = house.vertex.studio.answers
        answers.clear()
        port = _free_port()
        worker = await house.start("worker", REELBUS_HEALTH_PORT=str(port))
        assert await _probe(port) == {"livez": 200, "readyz": 200}
        await house.submit("first")
        await house.until(lambda: house.vertex.books.posts == 1)
        await house.submit("second")
        await house.until(lambda: house.logged()["job_taken"] == 2)

        worker.signal(signal.SIGTERM)
        await house.until(lambda: house.logged()["worker_stopping"] == 1)
        other = await house.start("worker")  # the second job was handed back at once: another worker sends it
        await house.until(lambda: house.vertex.books.posts == 2)
        assert worker.alive, "the answer is not here yet"
        assert await _probe(port) == {"livez": 200, "readyz": 503}
        await _check_that_only_the_first_is_under_way(house)

        answers.set()
        assert await worker.gone() == 0
        jobs = await house.ended(2)
        assert [job.state for job in jobs] == [JobState.SUCCEEDED] * 2
        assert [job.clips[0].attempt for job in jobs] == [1, 1]
        assert (house.vertex.books.posts, len(house.vertex.books.accepted)) == (2, 2)
        assert house.logged()["submit_unknown"] == 0
        assert await other.stop() == 0


async def _check_that_only_the_first_is_under_way(house: WireHouse) -> None:
    clips = {job.job_id: job.clips[0] for job in await house.jobs()}
    assert {name: clip.state for name, clip in clips.items()} == dict.fromkeys(clips, ClipState.SUBMITTING)
    assert clips["first"].owner != clips["second"].owner


async def _probe(port: int) -> dict[str, int]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        return {name: (await client.get(f"/{name}")).status_code for name in ("livez", "readyz")}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
