"""No answer shows a path of the server."""

import shutil
from dataclasses import replace

import pytest

from publisher.facade.errors import without_paths
from schemas.domain.job import Job
from schemas.errors import Category, Charged, Failure, Unavailable
from tests.facade.doors import ASYNC, Door, door_over
from tests.facade.faults import UnreachableJobs
from tests.facade.hand import Hand
from tests.images import data_url, png


@pytest.mark.parametrize(
    "words",
    [
        "can't be used: [Errno 2] No such file or directory: '/srv/my data/videos/.incoming/ab'",
        'File "/usr/lib/python3.11/site.py", line 1',
        "cannot open /srv/data/reelbus.db: full",
        "/srv/data/reelbus.db-wal",
    ],
)
def test_a_path_is_taken_out(words: str) -> None:
    assert "/" not in without_paths(words)
    assert "(a file of the server)" in without_paths(words)


@pytest.mark.parametrize(
    "words",
    [
        "reference_image can't be read from gs://bucket/a/b.png",
        "see https://cloud.google.com/vertex-ai/docs/safety and try again",
        "Send application/json, not text/plain",
        "1/2 of 3/4 is done; GET or HEAD",
        "generated-videos/film.mp4",
    ],
)
def test_what_is_no_path_stays(words: str) -> None:
    assert without_paths(words) == words


async def test_a_folder_that_fails_is_not_named(door: Door) -> None:
    folder = door.state["settings"].data_dir.absolute()
    shutil.rmtree(folder / "videos/.incoming")
    answer = await door.post(ASYNC, reference_image=data_url(png()))
    assert answer.status_code == 503
    assert str(folder) not in answer.text


async def test_a_store_that_names_a_path_does_not_get_it_shown(door: Door) -> None:
    class Talkative(UnreachableJobs):
        async def get(self, job_id: str) -> Job | None:
            raise Unavailable("can't open '/srv/reelbus data/reelbus.db': /srv/reelbus/reelbus.db-wal is full")

    async with door_over({**door.state, "ctx": replace(door.desk, jobs=Talkative())}) as other:
        answer = await other.client.get("/api/videos/one")
        assert (answer.status_code, "/srv" in answer.text) == (503, False)


async def test_a_job_that_failed_on_a_path_does_not_show_it(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    failure = Failure(
        category=Category.INTERNAL, code="broke", message="No space: '/srv/scratch/a b/clip.mp4'.", charged=Charged.NO
    )
    await hand.fail(job_id, failure)
    for path in (f"/api/videos/{job_id}", "/api/videos", f"/api/videos/{job_id}/events"):
        answer = await door.client.get(path)
        assert answer.status_code == 200
        assert "/srv" not in answer.text, path
        assert "(a file of the server)" in answer.text, path
