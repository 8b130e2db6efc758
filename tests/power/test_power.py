"""The power is cut while facade and worker are at work, and new processes start on what the disk has.

Each cut comes right at a note of one of the two: before or after a name is made, a flush, a commit. The paid model is
another company's and goes on. Nothing is paid twice, no job that a caller knows of is lost, and every job ends.
"""

import os
import shutil
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from infra.adapters import Adapters
from infra.media.probe import probe
from schemas.domain.job import Job
from schemas.ports import JobQuery
from tests.power.cut import Loss
from tests.power.house import House, Part, house_at
from tests.power.wal import DATABASE, LOG

ENDS = {"succeeded", "submit_unknown"}
"""A cut between the marker and the model's answer leaves a submit in doubt; then nothing is sent again."""
NOTES_OF_A_START, NOTES_OF_A_LIFE = 30, 160
CUTS = int(os.environ.get("CUTS", "4"))
"""Of each of four seeds; `make long` makes 200 in all."""
ENOUGH_CUTS = 20
"""From here on some cut surely comes between a commit without a flush and the next flush; of four often none does."""


@pytest.mark.timeout(300)
async def test_a_few_power_cuts(tmp_path: Path) -> None:
    async with house_at(tmp_path, seed=7) as house:
        await cut_and_check(house, cuts=4)


class Fragile(House):
    """Its worker is killed before the power is cut."""

    def _start(self, kind: str, stop_at: int) -> Part:
        part = super()._start(kind, stop_at)
        if kind == "worker":
            part.process.kill()
            part.process.wait()
        return part


async def test_a_process_that_ends_by_itself_does_not_count_as_cut(tmp_path: Path) -> None:
    async with house_at(tmp_path, seed=0) as house:  # whose victim is the worker
        fragile = Fragile(house.root, house.vertex, house.random)
        with pytest.raises(AssertionError, match="'worker': -9"):
            await fragile.live(stop_at=0, orders=0)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(4))
async def test_many_power_cuts(tmp_path: Path, seed: int) -> None:
    async with house_at(tmp_path, seed) as house:
        losses = await cut_and_check(house, CUTS)
    if len(losses) >= ENOUGH_CUTS:
        assert sum(loss.frames for loss in losses) > 0, "no cut took anything that was not flushed: this proves nothing"
    sys.stdout.write(f"{len(house.orders)} jobs, {len(losses)} cuts: {losses}\n")


async def cut_and_check(house: House, cuts: int) -> list[Loss]:
    """Cut the power so often, look at what is left each time, and let everything end."""
    losses = [await house.live(stop_at=house.random.randint(1, NOTES_OF_A_START), orders=0)]
    await house.listen()
    for _ in range(cuts - 1):
        losses.append(await house.live(stop_at=house.random.randint(1, NOTES_OF_A_LIFE), orders=2))
        check_what_is_left(house)
    await house.finish()
    await check_the_end(house)
    return losses


def check_what_is_left(house: House) -> None:
    """The database is whole, and has every job that a caller knows of. Looked at in a copy: a look changes it."""
    copy = house.root / "copy"
    copy.mkdir(exist_ok=True)
    for name in (DATABASE, LOG):
        (copy / name).unlink(missing_ok=True)
        if (house.data / name).exists():
            shutil.copy(house.data / name, copy / name)
    with closing(sqlite3.connect(copy / DATABASE)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        stored = {job_id for (job_id,) in database.execute("SELECT job_id FROM jobs")}
    assert house.promised <= stored


async def check_the_end(house: House) -> None:
    assert house.orders, "nothing was ordered: this proves nothing"
    assert house.ended == house.promised == house.orders.keys()
    async with Adapters() as adapters:
        page = await (await adapters.jobs(house.address)).list(JobQuery(limit=10_000))
    jobs = {job.job_id: job for job in page.jobs}
    assert jobs.keys() == house.orders.keys()
    assert {job.failure.code if job.failure else str(job.state) for job in jobs.values()} <= ENDS
    assert await house.list_announced() == {f"{job.job_id}.1.{job.state}" for job in jobs.values()}
    assert any(job.result for job in jobs.values())
    check_the_bill(house, jobs)
    for job in jobs.values():
        check_the_files(house, job)


def check_the_bill(house: House, jobs: dict[str, Job]) -> None:
    """One accepted submit at most for each clip, and each of them in the record."""
    prefixes = [f"work/{each.storage_uri.partition('/work/')[2]}" for each in house.vertex.books.accepted]
    clips = Counter(tuple(prefix.split("/")[1:3]) for prefix in prefixes)
    assert not [clip for clip, count in clips.items() if count > 1]
    known = {place for job in jobs.values() for clip in job.clips for place in (clip.prefix, *clip.unresolved_prefixes)}
    assert set(prefixes) <= known


def check_the_files(house: House, job: Job) -> None:
    if not job.result:
        return
    final = house.data / "videos" / job.result.gcs_path
    assert final.stat().st_size == job.result.size_bytes
    assert probe(final, decode=True).frames == job.request.duration_seconds * 24
    assert final.samefile(house.data / "videos" / (job.clips[0].output or "")), "nothing was cut: it needs no copy"
    assert (house.data / "videos" / job.poster_name).stat().st_size > 0
