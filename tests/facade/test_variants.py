"""Files that are made of a finished video: at the first call, once, and erased with it."""

import asyncio
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from publisher import derived_files
from publisher.derived_files import DerivedFiles
from publisher.purge import purge
from schemas.domain.job import Job
from schemas.errors import NotFound, Unavailable
from schemas.ports import NotDerived
from tests.facade.doors import Door
from tests.facade.hand import Hand

SCENE = {"title": "Kite", "visual": "A red kite over a field", "script": "It rises. It falls."}


class CountingDeriver:
    """Writes a few bytes, once it may; or fails."""

    def __init__(self, *, fails: bool = False) -> None:
        self.calls: list[str] = []
        self.begun, self.may_go_on = asyncio.Event(), asyncio.Event()
        self._fails = fails

    async def derive(self, variant: str, video: Path, to: Path, *, within_s: float) -> None:
        assert within_s <= 60
        self.calls.append(variant)
        self.begun.set()
        await self.may_go_on.wait()
        if self._fails:
            raise NotDerived("it is broken")
        await asyncio.to_thread(shutil.copyfile, video, to)


@pytest.fixture
async def job(door: Door, hand: Hand) -> Job:
    return await hand.finish(await door.queued(scene=SCENE))


def files_of(door: Door, deriver: CountingDeriver) -> DerivedFiles:
    ctx = door.desk
    return DerivedFiles(jobs=ctx.jobs, videos=ctx.videos, clock=ctx.clock, deriver=deriver)


async def test_callers_that_ask_at_once_share_one_making(door: Door, job: Job) -> None:
    deriver = CountingDeriver()
    files = files_of(door, deriver)
    asking = [asyncio.create_task(files.find_or_make(job, "preview")) for _ in range(5)]
    await deriver.begun.wait()
    asking[0].cancel()  # a caller that hangs up takes it from nobody
    deriver.may_go_on.set()
    names = await asyncio.gather(*asking[1:])
    assert set(names) == {job.variant_name("preview")}
    assert await files.find_or_make(job, "preview") == names[0]
    assert await files_of(door, deriver).find_or_make(job, "preview") == names[0], "another process finds it"
    assert deriver.calls == ["preview"]


async def test_what_can_not_be_made_is_not_tried_again_at_once(door: Door, job: Job) -> None:
    deriver = CountingDeriver(fails=True)
    deriver.may_go_on.set()
    files = files_of(door, deriver)
    for _ in range(3):
        with pytest.raises(NotFound, match="spritesheet"):
            await files.find_or_make(job, "spritesheet")
    assert deriver.calls == ["spritesheet"]


async def test_only_so_many_are_in_the_making(door: Door, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derived_files, "MAKINGS_AT_MOST", 1)
    deriver = CountingDeriver()
    files = files_of(door, deriver)
    first = asyncio.create_task(files.find_or_make(job, "preview"))
    await deriver.begun.wait()
    with pytest.raises(Unavailable):
        await files.find_or_make(job, "spritesheet")
    await files.aclose()
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_file_of_an_erased_video_does_not_stay(door: Door, job: Job) -> None:
    deriver = CountingDeriver()
    files = files_of(door, deriver)
    making = asyncio.create_task(files.find_or_make(job, "preview"))
    await deriver.begun.wait()
    await purge(door.desk, [job.job_id])
    deriver.may_go_on.set()
    with pytest.raises(NotFound, match="erased"):
        await making
    assert await door.desk.videos.list("posters/") == []


async def test_captions_are_sent_and_erased_with_the_video(door: Door, job: Job) -> None:
    path = f"/api/videos/{job.job_id}/file"
    captions = await door.client.get(path, params={"variant": "captions"})
    assert (captions.status_code, captions.headers["content-type"]) == (200, "text/vtt; charset=utf-8")
    assert captions.text.startswith("WEBVTT\n\n00:00:00.000 --> ")
    assert "It rises." in captions.text
    part = await door.client.get(path, params={"variant": "captions"}, headers={"Range": "bytes=0-5"})
    assert (part.status_code, part.text) == (206, "WEBVTT")
    video = await door.client.get(path)
    assert (video.status_code, video.headers["content-type"]) == (200, "video/mp4")
    await purge(door.desk, [job.job_id])
    assert (await door.client.get(path, params={"variant": "captions"})).status_code == 404
    assert await door.desk.videos.list("posters/") == []


async def test_what_does_not_exist_is_404_and_what_is_not_known_400(door: Door, hand: Hand) -> None:
    queued = await door.queued()
    assert (await door.client.get(f"/api/videos/{queued}/file")).status_code == 404
    finished = await hand.finish(await door.queued())
    path = f"/api/videos/{finished.job_id}/file"
    without = await door.client.get(path, params={"variant": "captions"})
    assert (without.status_code, without.json()["error"]["message"]) == (
        404,
        "this video has no captions: its request has no scene with a script",
    )
    unknown = await door.client.get(path, params={"variant": "gif"})
    assert (unknown.status_code, unknown.json()["error"]["field"]) == (400, "variant")
    assert (await door.client.get("/api/videos/none/file")).status_code == 404


async def test_a_facade_that_makes_none_says_so(door: Door, job: Job) -> None:
    door.state["ctx"] = replace(door.desk, derived_files=None)
    answer = await door.client.get(f"/api/videos/{job.job_id}/file", params={"variant": "preview"})
    assert answer.status_code == 503
