"""What is erased is gone everywhere, stays gone, and is never paid again; a crash half-way is finished later."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.adapters import Adapters
from publisher.context import PublisherContext
from publisher.dead_letters import replay
from publisher.jobs import cancel
from publisher.purge import purge, purge_old
from publisher.submit import submit
from schemas.domain import events as ev
from schemas.domain.film import FilmState
from schemas.domain.job import LATE_RESULT_WINDOW, Job
from schemas.domain.states import JobState
from schemas.domain.tombstone import ERASED_PROMPT
from schemas.errors import IdReused, Invalid, NotFound, Unavailable
from schemas.ports import WORKERS, JobStore, StoredFile, VideoStore
from schemas.services.reference_images import JOB_FOLLOWS_WITHIN, add_reference, claim_image, release_reference
from schemas.services.update import save_event
from schemas.wire.completion import Outcome
from subscriber import retention
from subscriber.handler import get_or_create_job
from subscriber.reconcile import Report, reconcile, retain
from subscriber.retention import Retention, RetentionPolicy
from subscriber.runner import JobRunner
from subscriber.settings import WorkerSettings
from subscriber.submission import submit_next
from subscriber.worker import Worker
from tests.contract.test_films import a_film
from tests.images import data_url, png
from tests.worker.bench import Bench, a_request
from tests.worker.paid_model import PRICE
from tests.worker.test_messages import PIXEL

IMAGE = "data:image/png;base64," + base64.b64encode(PIXEL).decode()
OTHER, THIRD = data_url(png(3, 2)), data_url(png(2, 3))
LONG = timedelta(days=40)


def _desk(bench: Bench, **changes: Any) -> PublisherContext:
    ctx = bench.ctx
    return replace(PublisherContext(bus=ctx.bus, jobs=ctx.jobs, videos=ctx.videos, clock=ctx.clock), **changes)


async def _made(bench: Bench, **fields: Any) -> Job:
    """A finished job of a direct publisher."""
    async with bench.working():
        request = await bench.send(**fields)
        assert (await bench.hear()).state is Outcome.SUCCEEDED
    return await bench.job(request.job_id)


async def _files(bench: Bench) -> list[str]:
    prefixes = ("generated-videos/", "posters/", "work/", "references/", "referrers/")
    return [file.name for prefix in prefixes for file in await bench.ctx.videos.list(prefix)]


async def _aged(bench: Bench, job: Job, by: timedelta = LONG) -> Job:
    """The same job, as if everything had been so long ago."""
    history = tuple(step.model_copy(update={"at": step.at - by}) for step in job.history)
    return await bench.ctx.jobs.save(
        job.model_copy(update={"created_at": job.created_at - by, "history": history, "next_check_at": None})
    )


async def _due(bench: Bench, job_id: str = "job-1") -> None:
    job = await bench.job(job_id)
    past = bench.ctx.clock.now() - timedelta(seconds=1)
    await bench.ctx.jobs.save(job.model_copy(update={"next_check_at": past}))


async def test_a_purge_deletes_every_file_and_every_word_and_keeps_what_it_cost(bench: Bench) -> None:
    job = await _made(bench, reference_image=IMAGE)
    assert len(await _files(bench)) >= 5
    report = await purge(_desk(bench), ["job-1"])
    assert (report.erased, report.kept, report.unfinished) == (["job-1"], [], [])
    erased = await bench.job()
    assert await _files(bench) == []
    assert (erased.state, erased.cost_usd, erased.fingerprint) == (JobState.SUCCEEDED, PRICE, job.fingerprint)
    assert (erased.request.prompt, erased.request.reference_image) == (ERASED_PROMPT, None)


async def test_a_dry_run_erases_nothing(bench: Bench) -> None:
    job = await _made(bench)
    report = await purge(_desk(bench), ["job-1"], dry_run=True)
    assert (report.erased, report.dry_run) == (["job-1"], True)
    after = await bench.job()
    assert after == job.model_copy(update={"read_at": after.read_at})
    assert job.final_name in await _files(bench)


async def test_a_repeat_of_an_erased_request_is_answered_and_not_paid_again(bench: Bench) -> None:
    """The image that it brings along once more goes as well."""
    await _made(bench, reference_image=IMAGE)
    await purge(_desk(bench), ["job-1"])
    async with bench.working():
        await bench.send(reference_image=IMAGE)
        again = await bench.hear()
        await bench.send(prompt="Another harbour, at dusk")
        other = await bench.hear()
    assert (again.state, again.video_url, again.request and again.request.prompt) == (
        Outcome.SUCCEEDED,
        None,
        ERASED_PROMPT,
    )
    assert again.erased_at is not None
    assert (other.state, other.error and other.error.code) == (Outcome.REJECTED, "id_reused")
    assert len(bench.model.accepted) == 1
    assert await _files(bench) == []


async def test_the_jobs_dead_letters_go_and_those_of_others_stay(bench: Bench) -> None:
    await _made(bench)
    for fields in ({"duration_seconds": 2}, {"job_id": "other"}):
        await bench.send(**fields)
    async with bench.ctx.bus.subscribe(WORKERS, limit=2) as deliveries:
        for _ in range(2):
            await (await anext(deliveries)).dead_letter("test")
    await purge(_desk(bench), ["job-1"])
    [left] = await bench.ctx.bus.dead_letters()
    assert left.message.attributes["job_id"] == "other"


async def test_a_purge_that_died_after_the_record_is_finished_by_reconcile(bench: Bench) -> None:
    await _made(bench, reference_image=IMAGE)
    report = await purge(_desk(bench, videos=Barred(bench.ctx.videos)), ["job-1"])
    assert report.unfinished == ["job-1"]
    assert len(await _files(bench)) >= 5
    half = await bench.job()
    assert half.erased_at
    assert half.next_check_at
    await _due(bench)
    assert (await reconcile(bench.ctx)).swept == 1
    assert await _files(bench) == []


async def test_a_film_that_lands_after_the_purge_is_deleted_when_it_turns_up(bench: Bench) -> None:
    """The job was cancelled while the model was at it, and purged at once."""
    job = await bench.queued()
    at = bench.ctx.clock.now()
    plan = bench.model.plan(job.request)
    job = await save_event(bench.ctx.jobs, job, ev.SubmitStarted(at=at, plan=plan, owner="w", nonce="n"))
    job = await save_event(bench.ctx.jobs, job, ev.SubmitAccepted(at=at, nonce="n", operation="operations/1"))
    await save_event(bench.ctx.jobs, job, ev.CancelRequested(at=at, held=True))
    assert (await purge(_desk(bench), ["job-1"])).erased == ["job-1"]
    await bench.model.deliver(job.clips[0].prefix or "")
    await _due(bench)
    assert (await reconcile(bench.ctx, dry_run=True)).swept == 1
    assert len(await _files(bench)) == 1
    await reconcile(bench.ctx)
    assert await _files(bench) == []
    assert (await bench.job()).next_check_at is not None


async def test_an_image_that_two_jobs_share_goes_with_the_last_of_them(bench: Bench) -> None:
    await _made(bench, reference_image=IMAGE)
    await _made(bench, reference_image=IMAGE, job_id="job-2")
    await purge(_desk(bench), ["job-1"])
    [image] = await bench.ctx.videos.list("references/")
    assert image.size_bytes == len(PIXEL)
    await purge(_desk(bench), ["job-2"])
    assert await _files(bench) == []


async def test_an_image_that_a_coming_job_may_name_waits_for_it_and_not_for_ever(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A facade puts the image before the record; a job that does not follow within an hour never will."""
    job = await _made(bench, reference_image=IMAGE)
    await add_reference(a_request(job_id="coming", reference_image=job.request.reference_image), bench.ctx.videos)
    assert (await purge(_desk(bench), ["job-1"])).unfinished == ["job-1"]
    assert len(await bench.ctx.videos.list("references/")) == 1
    monkeypatch.setattr("schemas.services.reference_images.JOB_FOLLOWS_WITHIN", -JOB_FOLLOWS_WITHIN)
    await _due(bench)
    await reconcile(bench.ctx)
    assert await _files(bench) == []


async def test_a_job_that_goes_on_is_kept_with_its_reason_and_an_unknown_one_stops_everything(bench: Bench) -> None:
    await _made(bench)
    await bench.queued(job_id="waiting")
    with pytest.raises(NotFound):
        await purge(_desk(bench), ["job-1", "never-was"])
    assert not (await bench.job()).erased_at
    report = await purge(_desk(bench), ["waiting", "job-1", "job-1"])
    assert report.erased == ["job-1"]
    [kept] = report.kept
    assert (kept.job_id, "has not ended (queued)" in kept.reason) == ("waiting", True)


async def test_a_projects_jobs_are_purged_by_age(bench: Bench) -> None:
    await _aged(bench, await _made(bench, project_id="spring"))
    await _made(bench, job_id="young", project_id="spring")
    await _aged(bench, await _made(bench, job_id="other", project_id="autumn"))
    desk = _desk(bench)
    assert (await purge_old(desk, project_id="spring", older_than=LONG / 2)).erased == ["job-1"]
    assert (await purge_old(desk, project_id="spring", older_than=None)).erased == ["young"]
    assert (await purge_old(desk, project_id=None, older_than=LONG / 2)).erased == ["other"]
    assert (await purge_old(desk, project_id=None, older_than=LONG / 2)).erased == []


async def test_retention_erases_old_jobs_portion_by_portion_and_then_rests(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PORTION", 2)
    old = [f"old-{number}" for number in range(5)]
    for job_id in old:
        await _aged(bench, await _cancelled(bench, job_id))
    await _cancelled(bench, "young")
    keeper = Retention(bench.ctx, RetentionPolicy(job=LONG / 2))
    counts = []
    while not keeper.is_idle:
        report = Report()
        await retain(keeper, report)
        counts.append(report.erased)
    assert counts == [2, 2, 1]
    assert not (await bench.job("young")).erased_at
    assert all([(await bench.job(job_id)).erased_at for job_id in old])
    report = Report()
    await retain(keeper, report)
    assert report.erased == 0


async def test_a_later_walk_sees_who_came_of_age_and_stops_where_the_last_one_was(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PORTION", 1)
    monkeypatch.setattr(retention, "REST", timedelta())
    monkeypatch.setattr(retention, "MARGIN", timedelta(days=1))
    await _aged(bench, await _cancelled(bench, "old"), LONG * 2)
    keeper = Retention(bench.ctx, RetentionPolicy(job=LONG / 2))
    assert await keeper.erase() == 1
    for number in range(3):
        await _aged(bench, await _cancelled(bench, f"missed-{number}"), LONG * 2)
    await _aged(bench, await _cancelled(bench, "of-age"), LONG / 2 + timedelta(hours=1))
    assert await keeper.erase() == 1
    assert (await bench.job("of-age")).erased_at
    assert sum([await keeper.erase() for _ in range(8)]) == 1, "only the page where it notices that it was here before"
    fresh = Retention(bench.ctx, RetentionPolicy(job=LONG / 2))
    assert sum([await fresh.erase() for _ in range(8)]) == 2


async def test_a_dry_run_of_retention_counts_and_erases_nothing(bench: Bench) -> None:
    await _aged(bench, await _made(bench))
    keeper = Retention(bench.ctx, RetentionPolicy(job=LONG / 2, work=LONG / 2))
    report = Report()
    await retain(keeper, report, dry_run=True)
    assert (report.erased, report.work_deleted) == (1, 1)
    assert not (await bench.job()).erased_at
    assert len(await _files(bench)) >= 3


async def test_a_pass_of_retention_erases_films_that_are_old_enough(bench: Bench, tmp_path: Path) -> None:
    async with Adapters() as adapters:
        films = await adapters.films(f"sqlite://{tmp_path}/films.db")
        old = a_film("old").end(bench.ctx.clock.now() - LONG, FilmState.FAILED)
        for film in (old, a_film("goes-on"), a_film("new").end(bench.ctx.clock.now(), FilmState.FAILED)):
            await films.save((await films.create(film)).note_announced(film.changed_at))
        keeper = Retention(replace(bench.ctx, films=films), RetentionPolicy(job=LONG / 2))
        reports = [Report(), Report(), Report()]
        for report, dry_run in zip(reports, (True, False, False), strict=True):
            await retain(keeper, report, dry_run=dry_run)
        assert [report.films_erased for report in reports] == [1, 1, 0]
        erased = await films.get("old")
        assert erased
        assert erased.request.scenes[0].prompt == ERASED_PROMPT


async def test_work_files_go_earlier_and_the_video_stays(bench: Bench) -> None:
    job = await _made(bench)
    await bench.queued(job_id="waiting")
    await bench.ctx.videos.put("work/waiting/0/1/film.mp4", b"film", content_type="video/mp4")
    names = [name for name in await _files(bench) if not name.startswith("work/job-1/")]
    assert await Retention(bench.ctx, RetentionPolicy(work=LONG)).empty() == 0
    await bench.ctx.videos.put("work/job-1/extra.mp4", b"film", content_type="video/mp4")
    history = tuple(step.model_copy(update={"at": step.at - LONG}) for step in job.history)
    aged = job.model_copy(update={"created_at": job.created_at - LONG, "history": history})
    await bench.ctx.jobs.save(aged)
    assert await Retention(bench.ctx, RetentionPolicy(work=LONG)).empty() == 1
    assert await _files(bench) == names
    assert not (await bench.job()).erased_at


@dataclass
class Meanwhile:
    """A video store, and something that happens once: right before a listing, or before a file is deleted."""

    videos: VideoStore
    happens: Callable[[], Awaitable[object]]
    before: str

    def __getattr__(self, name: str) -> Any:
        return getattr(self.videos, name)

    async def list(self, prefix: str) -> Sequence[StoredFile]:
        await self._moment(f"list {prefix}")
        return await self.videos.list(prefix)

    async def delete(self, name: str) -> None:
        await self._moment(f"delete {name}")
        await self.videos.delete(name)

    async def _moment(self, verb: str) -> None:
        if verb.startswith(self.before):
            self.before = "never again"
            await self.happens()


async def test_work_files_stay_where_their_job_lives_again_in_that_moment(bench: Bench) -> None:
    job = await submit_next(bench.ctx, await bench.queued())
    job = await save_event(bench.ctx.jobs, job, ev.CancelRequested(at=bench.ctx.clock.now(), held=True))
    await bench.model.deliver(bench.model.accepted[0])
    await _aged(bench, job)
    videos: Any = Meanwhile(bench.ctx.videos, lambda: replay(_desk(bench), "job-1"), before="list work/")
    assert await Retention(replace(bench.ctx, videos=videos), RetentionPolicy(work=LONG / 2)).empty() == 0
    assert len(await bench.ctx.videos.list("work/job-1/")) == 2  # the film and its marker
    ended = await JobRunner(bench.ctx, await bench.job()).run()
    assert (ended.state, ended.cost_usd, len(bench.model.accepted)) == (JobState.SUCCEEDED, PRICE, 1)


async def test_an_image_that_a_new_job_names_while_it_is_deleted_is_put_back(bench: Bench) -> None:
    job = await _made(bench, reference_image=IMAGE)
    desk = _desk(bench)
    [image] = await bench.ctx.videos.list("references/")
    new = a_request(job_id="new", reference_image=IMAGE)
    videos: Any = Meanwhile(bench.ctx.videos, lambda: submit(desk, new), before=f"delete {image.name}")
    assert (await purge(replace(desk, videos=videos), ["job-1"])).unfinished == ["job-1"]
    [there] = await bench.ctx.videos.list("references/")
    assert (there.name, there.size_bytes) == (image.name, len(PIXEL))
    await _due(bench)
    await reconcile(bench.ctx)
    assert [(await bench.job()).request.reference_image, (await bench.job("new")).request.reference_image] == [
        None,
        job.request.reference_image,
    ]
    assert len(await bench.ctx.videos.list("references/")) == 1
    await cancel(desk, "new")
    await purge(desk, ["new"])
    assert await _files(bench) == []


async def test_every_image_of_a_job_is_released_and_one_that_another_job_shows_stays(bench: Bench) -> None:
    desk = _desk(bench)
    first = {"reference_image": IMAGE, "last_image": OTHER, "reference_images": [IMAGE, THIRD]}
    await submit(desk, a_request(**first))
    await submit(desk, a_request(job_id="other", reference_images=[OTHER]))
    stored = await bench.ctx.videos.list("references/")
    assert len(stored) == 3, "the image that is named twice is stored once"
    await cancel(desk, "job-1")
    assert not (await purge(desk, ["job-1"])).unfinished
    erased = await bench.job()
    assert erased.request.images == {}
    (left,) = await bench.ctx.videos.list("references/")
    assert f"reelbus:{left.name}" == (await bench.job("other")).request.reference_images[0]
    await cancel(desk, "other")
    await purge(desk, ["other"])
    assert await _files(bench) == []


async def test_a_request_whose_second_image_is_refused_stores_none(bench: Bench) -> None:
    desk = _desk(bench)
    cut = data_url(png(8, 8)[:-20])
    gone = f"reelbus:references/{'0' * 64}.png"
    for image, words in ((cut, "is cut off or broken"), (gone, "names no image that was stored before")):
        for fields, field in (
            ({"last_image": image}, "last_image"),
            ({"reference_images": [OTHER, image]}, "reference_images.1"),
        ):
            with pytest.raises(Invalid, match=f"^{field} {words}") as refused:
                await submit(desk, a_request(reference_image=IMAGE, **fields))
            assert refused.value.field == field
            assert await _files(bench) == []


async def test_the_id_stands_for_images_by_their_content(bench: Bench) -> None:
    desk = _desk(bench)
    asked = {"reference_image": IMAGE, "last_image": OTHER}
    job = await submit(desk, a_request(**asked))
    before = await _files(bench)
    for again in (a_request(**asked), job.request):
        assert (await submit(desk, again)).fingerprint == job.fingerprint
    others: list[dict[str, Any]] = [
        {"reference_image": IMAGE, "last_image": THIRD},
        {"reference_image": OTHER, "last_image": IMAGE},
        {"reference_images": [IMAGE, OTHER]},
        {"reference_image": IMAGE},
    ]
    for other in others:
        with pytest.raises(IdReused):
            await submit(desk, a_request(**other))
    assert await _files(bench) == before, "a refused request takes no image of the job, and leaves none of its own"


async def test_a_refused_request_leaves_neither_image_nor_name(bench: Bench) -> None:
    """By HTTP, after the facade has stored its image, and by the bus."""
    desk = _desk(bench)
    await submit(desk, a_request())
    stored = await claim_image(a_request(reference_image=IMAGE), bench.ctx.videos)
    for request in (a_request(reference_image=IMAGE), stored):
        with pytest.raises(IdReused):
            await submit(desk, request)
        assert await _files(bench) == []
    async with bench.working():
        await bench.send(reference_image=IMAGE)
        while (heard := await bench.hear()).state is not Outcome.REJECTED:
            pass
    assert heard.error
    assert heard.error.code == "id_reused"
    assert [name for name in await _files(bench) if name.startswith("ref")] == []


async def test_a_refused_request_takes_no_image_from_the_job_that_uses_it(bench: Bench) -> None:
    desk = _desk(bench)
    await submit(desk, a_request(reference_image=IMAGE))
    before = await _files(bench)
    with pytest.raises(IdReused):
        await submit(desk, a_request(reference_image=IMAGE, prompt="Another harbour, at dusk"))
    with pytest.raises(IdReused):
        await get_or_create_job(bench.ctx, a_request(reference_image=IMAGE, seed=7), traceparent=None)
    assert await _files(bench) == before
    assert len(before) == 2


@dataclass
class Late:
    """It tells of no job once: that job is created in that very moment."""

    jobs: JobStore
    unseen: int = 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self.jobs, name)

    async def get(self, job_id: str) -> Job | None:
        self.unseen -= 1
        return None if self.unseen >= 0 else await self.jobs.get(job_id)


async def test_one_that_is_refused_after_its_image_was_stored_takes_it_back(bench: Bench) -> None:
    await bench.queued()
    late: Any = Late(bench.ctx.jobs)
    with pytest.raises(IdReused):
        await submit(_desk(bench, jobs=late), a_request(reference_image=IMAGE))
    assert await _files(bench) == []
    late.unseen = 1
    with pytest.raises(IdReused):
        await get_or_create_job(replace(bench.ctx, jobs=late), a_request(reference_image=IMAGE), traceparent=None)
    assert await _files(bench) == []


async def test_a_named_image_that_is_gone_leaves_no_name_behind(bench: Bench) -> None:
    stored = await claim_image(a_request(reference_image=IMAGE), bench.ctx.videos)
    await release_reference(stored, bench.ctx.jobs, bench.ctx.videos, bench.ctx.clock.now())
    with pytest.raises(Invalid, match="names no image"):
        await submit(_desk(bench), stored)
    assert await _files(bench) == []


async def test_with_more_letters_than_a_look_sees_nothing_is_called_done(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("schemas.services.erasure.LETTERS_LOOKED_AT", 2)
    await save_event(bench.ctx.jobs, await bench.queued(), ev.CancelRequested(at=bench.ctx.clock.now(), held=True))
    for job_id in ("job-1", "other", "another"):  # the oldest is out of reach
        await bench.send(job_id=job_id)
    async with bench.ctx.bus.subscribe(WORKERS, limit=3) as deliveries:
        for _ in range(3):
            await (await anext(deliveries)).dead_letter("test")
    assert (await purge(_desk(bench), ["job-1"])).unfinished == ["job-1"]
    assert (await bench.job()).sweep_until is not None
    for letter in (await bench.ctx.bus.dead_letters())[:2]:
        await bench.ctx.bus.delete_dead_letter(letter.id)
    await _due(bench)
    await reconcile(bench.ctx)
    assert await bench.ctx.bus.dead_letters() == []


async def test_a_worker_keeps_the_rules_by_itself(bench: Bench) -> None:
    await _aged(bench, await _made(bench))
    stop = asyncio.Event()
    worker = Worker(
        ctx=bench.ctx,
        in_flight=1,
        prefetch=1,
        drain_s=1,
        reconcile_every_s=3600,
        retention=RetentionPolicy(job=LONG / 2),
    )
    running = asyncio.create_task(worker.run(stop, ready=lambda: None))
    while (job := await bench.job()).erased_at is None or job.sweep_until:
        await bench.ctx.clock.sleep(0.01)
    stop.set()
    await running
    assert job.request.prompt == ERASED_PROMPT


async def test_a_job_in_doubt_is_kept_for_its_day(bench: Bench) -> None:
    job = await bench.queued()
    at = bench.ctx.clock.now()
    plan = bench.model.plan(job.request)
    job = await save_event(bench.ctx.jobs, job, ev.SubmitStarted(at=at, plan=plan, owner="w", nonce="n"))
    job = await save_event(bench.ctx.jobs, job, ev.SubmitOutcomeUnknown(at=at, nonce="n"))
    ended = await JobRunner(bench.ctx, job).run()
    assert (await purge(_desk(bench), ["job-1"])).erased == []
    await _aged(bench, ended, LATE_RESULT_WINDOW)
    assert (await purge(_desk(bench), ["job-1"])).erased == ["job-1"]


async def _cancelled(bench: Bench, job_id: str) -> Job:
    job = await bench.queued(job_id=job_id)
    return await save_event(bench.ctx.jobs, job, ev.CancelRequested(at=bench.ctx.clock.now(), held=True))


@dataclass
class Barred:
    """It lists and keeps, and deletes nothing."""

    videos: VideoStore

    @property
    def reads(self) -> frozenset[str]:
        return self.videos.reads

    async def list(self, prefix: str) -> Sequence[StoredFile]:
        return await self.videos.list(prefix)

    async def put(self, name: str, source: Path | bytes, *, content_type: str) -> bool:
        return await self.videos.put(name, source, content_type=content_type)

    async def fetch(self, name: str, to: Path) -> None:
        await self.videos.fetch(name, to)

    async def url_for(self, name: str) -> str:
        return await self.videos.url_for(name)

    async def delete(self, name: str) -> None:
        raise Unavailable("the disk is gone")


def test_settings_say_how_long() -> None:
    settings = WorkerSettings(_env_file=None, retention_days=90)
    assert settings.retention == RetentionPolicy(job=timedelta(days=90), work=timedelta(days=30))
    assert WorkerSettings(_env_file=None, work_days=0).retention == RetentionPolicy()
    assert WorkerSettings(_env_file=None, videos="gs://bucket").retention == RetentionPolicy()
    with pytest.raises(ValueError, match="retention_days"):
        WorkerSettings(_env_file=None, retention_days=-1)
