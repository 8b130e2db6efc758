"""Facade, worker and model as processes of their own, on Google's emulators; what they leave is read past our code."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from infra.media.probe import probe
from schemas.domain.states import JobState
from schemas.errors import Charged
from schemas.wire.completion import Outcome
from tests.e2e.google import Google, google_at
from tests.e2e.processes import House, client_of, until_generating
from tests.gcp.emulated import Project
from tests.vertex.script import Step

pytestmark = [pytest.mark.emulator, pytest.mark.timeout(300)]

PATH = "/api/videos/generate"
PROMPT = "A paper boat on a city river"
LENGTHS_S = (1, 5, 7, 9, 15, 23, 30)
FPS = 24
IMPATIENT = {
    "REELBUS_SUBMIT_WITHIN_S": "4",
    "REELBUS_SUBMIT_TIMEOUT_S": "12",
    "REELBUS_SUBMITTING_HOLD_S": "20",
    "REELBUS_SEARCH_EVERY_S": "1",
}
"""A submit without an answer is given up soon."""


@pytest.fixture
def google(project: Project, house: House) -> Iterator[Google]:
    with google_at(project) as (google, settings):
        house.settings.update(settings)
        yield google


async def test_answer_document_message_and_bucket_agree(google: Google, house: House, tmp_path: Path) -> None:
    with house.facade() as (_, url), house.worker():
        async with client_of(url) as client:
            body = await _made(client, {"prompt": PROMPT, "duration_seconds": 5})
            fetched = (await client.get(body["video_url"])).raise_for_status().content
    state, job = google.document(body["video_id"])
    [completion] = google.completions(1)
    [(name, film)] = google.films().items()
    assert job.result
    assert re.fullmatch(rf"generated-videos/video_\d{{8}}_\d{{6}}_{job.job_id}\.mp4", name)
    assert name == body["gcs_path"] == job.result.gcs_path == completion.gcs_path
    assert body["video_url"] == completion.video_url
    assert body["video_url"].endswith(f"/{google.project.bucket}/{name}")
    assert fetched == film
    assert (state, job.state, completion.state) == ("succeeded", JobState.SUCCEEDED, Outcome.SUCCEEDED)
    assert (completion.job_id, completion.request) == (job.job_id, job.request)
    assert body["prompt"] == job.request.prompt == PROMPT
    [accepted] = google.books().accepted
    assert accepted.seconds == job.billed_seconds == completion.billed_seconds
    assert accepted.model == completion.model
    assert _frames(film, tmp_path) == 5 * FPS


async def test_every_length_comes_out_exact_and_is_billed_as_planned(
    google: Google, house: House, tmp_path: Path
) -> None:
    orders = {f"{quality}-{seconds}": (quality, seconds) for quality in ("fast", "quality") for seconds in LENGTHS_S}
    google.then(*[Step(shrink=8)] * 100)
    with house.facade() as (_, url), house.worker():
        async with client_of(url) as client, asyncio.TaskGroup() as group:
            for job_id, (quality, seconds) in orders.items():
                order = {"prompt": PROMPT, "duration_seconds": seconds, "quality": quality, "job_id": job_id}
                group.create_task(_made(client, order))
    films = google.films()
    jobs = {job_id: google.document(job_id)[1] for job_id in orders}
    frames = {job_id: _frames(films[job.result.gcs_path], tmp_path) for job_id, job in jobs.items() if job.result}
    assert frames == {job_id: pytest.approx(seconds * FPS, abs=1) for job_id, (_, seconds) in orders.items()}
    assert len(films) == len(orders)
    accepted = google.books().accepted
    for job_id, job in jobs.items():
        paid = [each for each in accepted if f"/work/{job_id}/" in each.storage_uri]
        assert [each.seconds for each in paid] == [clip.planned.billed_seconds for clip in job.clips]


@pytest.mark.slow
@pytest.mark.parametrize("answered", [True, False])
async def test_a_worker_killed_after_acceptance_is_followed_by_one_that_does_not_pay_again(
    google: Google, house: House, answered: bool
) -> None:
    house.settings.update(IMPATIENT)
    google.then(Step(held=True, accept=True, hang=not answered))
    with house.facade() as (_, url):
        async with client_of(url) as client:
            with house.worker() as worker:
                asking = asyncio.create_task(_made(client, {"prompt": PROMPT, "job_id": "cut-off"}))
                await _accepted(google, asking)
                if answered:
                    await until_generating(client, "cut-off")
                worker.kill()
            assert google.films() == {}
            google.release()
            with house.worker():
                body = await asking
    _, job = google.document("cut-off")
    assert [(clip.attempt, clip.charged) for clip in job.clips] == [(1, Charged.YES)]
    assert [completion.gcs_path for completion in google.completions(1)] == [body["gcs_path"]] == [*google.films()]
    books = google.books()
    assert (books.posts, len(books.accepted)) == (1, 1)


async def _made(client: httpx.AsyncClient, order: dict[str, Any]) -> dict[str, Any]:
    answer = await client.post(PATH, json=order)
    body: dict[str, Any] = answer.json()
    assert answer.status_code == 200, body
    return body


async def _accepted(google: Google, asking: "asyncio.Task[Any]") -> None:
    while not google.books().accepted:
        await asyncio.wait([asking], timeout=0.05)
        assert not asking.done(), await asking


def _frames(film: bytes, folder: Path) -> int:
    path = folder / "film.mp4"
    path.write_bytes(film)
    return probe(path, decode=True).frames
