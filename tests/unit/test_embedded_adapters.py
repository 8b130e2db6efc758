"""Which URL opens what, and how little is imported for it."""

import subprocess
import sys
from pathlib import Path

import pytest

from infra.adapters import Adapters
from infra.clock import SystemClock
from schemas.errors import Invalid
from schemas.ports import Bus, Clock, JobStore, Subscription, VideoStore
from schemas.wire.message import Message

LIGHT = """
import sys
at_start = set(sys.modules)
import infra.adapters, infra.clock, infra.embedded, infra.embedded.bus, infra.embedded.jobs, infra.embedded.videos
heavy = {"google", "vertexai", "av", "PIL", "numpy", "opentelemetry", "starlette", "uvicorn", "httpx"}
print(sorted(heavy & (set(sys.modules) - at_start)))
"""


async def test_bus_and_jobs_share_one_database(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path}/folder%20a/reelbus.db"
    async with Adapters() as adapters:
        bus: Bus = await adapters.bus(url)
        jobs: JobStore = await adapters.jobs(url)
        videos: VideoStore = await adapters.videos(f"file://{tmp_path}/videos", base_url="http://localhost:8000")
        await bus.ensure(Subscription(name="s", topic="t"))
        await bus.publish("t", Message(data=b"x"))
        assert await jobs.get("j") is None
        assert await videos.list("") == []
        assert len(adapters._databases) == 1
        assert (tmp_path / "folder a" / "reelbus.db").exists()
    assert not (tmp_path / "folder a" / "reelbus.db-wal").exists()  # closed in order


async def test_an_unknown_scheme_names_the_setting_and_the_known_ones() -> None:
    adapters = Adapters()
    with pytest.raises(Invalid, match=r"(?s)BUS.*redis.*sqlite"):
        await adapters.bus("redis://localhost")
    with pytest.raises(Invalid, match=r"(?s)JOBS.*sqlite"):
        await adapters.jobs("")
    with pytest.raises(Invalid, match=r"(?s)VIDEOS.*file"):
        await adapters.videos("s3://bucket", base_url="http://localhost")


@pytest.mark.parametrize("url", ["sqlite://relative/path", "sqlite://", "sqlite:///", "sqlite:///a?b", "sqlite:///a#b"])
async def test_a_path_must_be_absolute_and_plain(url: str) -> None:
    with pytest.raises(Invalid, match="absolute"):
        await Adapters().jobs(url)


def test_importing_the_embedded_adapters_is_cheap() -> None:
    command = [sys.executable, "-c", LIGHT]
    answer = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


async def test_the_clock_tells_time_to_the_millisecond() -> None:
    clock: Clock = SystemClock()
    before = clock.boot()
    await clock.sleep(0)
    now = clock.now()
    assert now.microsecond % 1000 == 0
    assert now.utcoffset() is not None
    assert clock.boot() >= before
