"""Half-made files lie in a folder of their worker, and go with it, however it ends."""

import asyncio
import os
import sys
import time
from pathlib import Path

from subscriber.compose import open_context
from subscriber.scratch import delete_stale, open_scratch_dir
from subscriber.settings import WorkerSettings

A_DAY_AND_AN_HOUR_S = 25 * 3600
_OWNER = """
import sys, time
from pathlib import Path
from subscriber.scratch import open_scratch_dir
with open_scratch_dir(Path(sys.argv[1])) as folder:
    (folder / "assembly-x").mkdir()
    (folder / "assembly-x" / "clip-0.mp4").write_bytes(b"half")
    print(folder, flush=True)
    time.sleep(600)
"""


async def _an_owner(scratch: Path) -> tuple[asyncio.subprocess.Process, Path]:
    """Another process with half a film in its folder."""
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _OWNER, str(scratch), stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout
    return owner, Path((await owner.stdout.readline()).decode().strip())


async def test_a_killed_workers_folder_goes_at_once_and_a_living_ones_stays(tmp_path: Path) -> None:
    owner, folder = await _an_owner(tmp_path)
    with open_scratch_dir(tmp_path) as ours:
        assert delete_stale(tmp_path) == 0
        assert (folder / "assembly-x" / "clip-0.mp4").exists()
        owner.kill()
        await owner.wait()
        assert delete_stale(tmp_path) == 1
        assert os.listdir(tmp_path) == [ours.name]
    assert os.listdir(tmp_path) == []


async def test_a_worker_at_work_sweeps_with_every_round(tmp_path: Path) -> None:
    settings = WorkerSettings(data_dir=tmp_path, renderers=1, reconcile_every_s=0.01)
    settings.scratch_dir.mkdir()
    owner, folder = await _an_owner(settings.scratch_dir)
    async with open_context(settings) as ctx:
        assert folder.exists()
        owner.kill()
        await owner.wait()
        async with asyncio.timeout(30):
            while folder.exists():
                await ctx.clock.sleep(0.01)
        assert list(settings.scratch_dir.iterdir()) == [ctx.scratch]


async def test_what_has_no_owners_name_goes_a_day_later(tmp_path: Path) -> None:
    settings = WorkerSettings(data_dir=tmp_path)
    left, young = (settings.scratch_dir / name for name in ("assembly-left", "assembly-young"))
    for folder in (left, young):
        folder.mkdir(parents=True)
        (folder / "clip-0.mp4").write_bytes(b"half")
    os.utime(left, (time.time() - A_DAY_AND_AN_HOUR_S,) * 2)
    async with open_context(settings):
        pass
    assert sorted(settings.scratch_dir.rglob("*")) == [young, young / "clip-0.mp4"]
