"""A cancel in every state that a job and its clips can be in: it ends the job, is announced, and the bill is right."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from publisher.context import PublisherContext
from publisher.jobs import cancel
from schemas.domain import events as ev
from schemas.domain.clip import Plan, PlannedClip
from schemas.domain.job import Job, Result
from schemas.domain.state_machine import advance
from schemas.domain.states import ClipState, JobState
from schemas.errors import Category, Charged, Failure
from schemas.ports import GenerationRunning
from schemas.services.update import save_event
from subscriber.reconcile import reconcile
from tests.worker.bench import Bench
from tests.worker.paid_model import PRICE

BUSY = Failure(
    category=Category.QUOTA, code="quota", message="The quota is used up.", retryable=True, charged=Charged.NO
)
NO = Failure(category=Category.SAFETY_FILTER, code="safety_filter", message="No.", charged=Charged.NO)
UNKNOWN = Failure(category=Category.UPSTREAM, code="submit_unknown", message="?", charged=Charged.UNKNOWN)
RESULT = Result(gcs_path="generated-videos/a.mp4", width=1, height=1, duration_seconds=1, size_bytes=1)
CLIP = PlannedClip(model="paid-1", seconds=1, billed_seconds=4, price_usd=PRICE, expected_s=1)

Make = Callable[[Job], Job]


def _way(words: str) -> Make:
    """The job after these things happened, in order."""

    def made(job: Job) -> Job:
        at = job.created_at
        events: dict[str, ev.Step] = {
            "submit": ev.SubmitStarted(at=at, plan=Plan(clips=(CLIP, CLIP)), owner="gone", nonce="n"),
            "withdraw": ev.SubmitWithdrawn(at=at, nonce="n", cause=BUSY, waiting_for="quota"),
            "deny": ev.SubmitDenied(at=at, nonce="n", failure=NO),
            "lose": ev.SubmitOutcomeUnknown(at=at, nonce="n"),
            "accept": ev.SubmitAccepted(at=at, nonce="n", operation="operations/1"),
            "finish 0": ev.ClipDone(at=at, clip=0, output=f"work/{job.job_id}/0/1/a.mp4"),
            "finish 1": ev.ClipDone(at=at, clip=1, output=f"work/{job.job_id}/1/1/a.mp4"),
            "store": ev.Stored(at=at, result=RESULT),
            "judge": ev.SubmitGivenUp(at=at, failure=UNKNOWN),
            "late": ev.AcceptedLate(at=at, clip=0, nonce="n", operation="operations/1"),
            "expire": ev.Expired(at=at),
            "cancel": ev.CancelRequested(at=at, held=True),
        }
        for word in words.split(", ") if words else []:
            job = advance(job, events[word])
        return job

    return made


FREE = Decimal(0)
LIVE = {
    "": (JobState.QUEUED, None, FREE),
    "submit, withdraw": (JobState.QUEUED, ClipState.PLANNED, FREE),
    "submit": (JobState.SUBMITTING, ClipState.SUBMITTING, FREE),
    "submit, lose": (JobState.SUBMITTING, ClipState.UNKNOWN, FREE),
    "submit, accept": (JobState.GENERATING, ClipState.ACCEPTED, PRICE),
    "submit, accept, finish 0": (JobState.GENERATING, ClipState.PLANNED, PRICE),
    "submit, accept, finish 0, submit": (JobState.SUBMITTING, ClipState.SUBMITTING, PRICE),
    "submit, accept, finish 0, submit, lose": (JobState.SUBMITTING, ClipState.UNKNOWN, PRICE),
    "submit, accept, finish 0, submit, accept": (JobState.GENERATING, ClipState.ACCEPTED, 2 * PRICE),
    "submit, accept, finish 0, submit, accept, finish 1": (JobState.STORING, ClipState.DONE, 2 * PRICE),
}
ENDED = {
    "submit, deny": (JobState.FAILED, ClipState.REFUSED),
    "submit, lose, judge": (JobState.FAILED, ClipState.UNKNOWN),
    "submit, lose, judge, late": (JobState.FAILED, ClipState.LATE),
    "expire": (JobState.EXPIRED, None),
    "cancel": (JobState.CANCELLED, None),
    "submit, accept, finish 0, submit, accept, finish 1, store": (JobState.SUCCEEDED, ClipState.DONE),
}


def test_no_state_is_forgotten() -> None:
    """A state that is added to either list of states must come here as well."""
    assert {state for state, *_ in (*LIVE.values(), *ENDED.values())} == set(JobState)
    assert {clip for _, clip, *_ in (*LIVE.values(), *ENDED.values()) if clip} == set(ClipState)


@pytest.mark.parametrize("way", LIVE)
async def test_a_live_job_ends_and_everybody_hears_it(bench: Bench, way: str) -> None:
    state, clip, cost = LIVE[way]
    job = await _stored(bench, way)
    assert (job.state, job.clip_in(clip) is not None if clip else None) == (state, True if clip else None)
    bench.model.outcome = GenerationRunning()
    seen = await cancel(_desk(bench), "job-1", reason="no need")
    assert seen.cancel_requested or seen.state is JobState.CANCELLED
    async with bench.working():
        await _shown_to_a_worker(bench, job)
        heard = await bench.hear()
    ended = await bench.job()
    assert heard.event_id == "job-1.1.cancelled"
    assert (ended.state, ended.cost_usd, ended.completion_due) == (JobState.CANCELLED, cost, False)
    assert ended.failure
    assert "no need" in ended.failure.message
    assert bench.model.accepted == [], "nothing is sent for a job that nobody wants"


@pytest.mark.parametrize("way", LIVE)
async def test_without_a_message_reconcile_brings_the_end_about(bench: Bench, way: str) -> None:
    """Whoever cancelled died right after the write, and the message of the job is lost."""
    bench.model.outcome = GenerationRunning()
    job = await _stored(bench, way)
    wish = ev.CancelRequested(at=bench.ctx.clock.now(), reason="no need", held=False)
    after = await save_event(bench.ctx.jobs, job, wish)
    past = bench.ctx.clock.now()
    await bench.ctx.jobs.save(after.model_copy(update={"next_check_at": past}))
    report = await reconcile(bench.ctx)
    assert report.announced + report.republished == 1
    async with bench.working():
        heard = await bench.hear()
    assert heard.event_id == "job-1.1.cancelled"
    assert (await bench.job()).state is JobState.CANCELLED


@pytest.mark.parametrize("way", ENDED)
async def test_an_ended_job_stays_as_it_is(bench: Bench, way: str) -> None:
    job = await _stored(bench, way)
    state, clip = ENDED[way]
    assert (job.state, job.clip_in(clip) is not None if clip else None) == (state, True if clip else None)
    assert (await cancel(_desk(bench), "job-1", reason="no need")).revision == job.revision


def _desk(bench: Bench) -> PublisherContext:
    return PublisherContext(bus=bench.ctx.bus, jobs=bench.ctx.jobs, videos=bench.ctx.videos, clock=bench.ctx.clock)


async def _stored(bench: Bench, way: str) -> Job:
    """In the store, in that state; without a message."""
    job = await bench.queued(duration_seconds=2)
    moved = _way(way)(job)
    return job if moved is job else await bench.ctx.jobs.save(moved)


async def _shown_to_a_worker(bench: Bench, job: Job) -> None:
    """The message of the job comes again, as after a crash of its worker."""
    if not (await bench.job()).ended:
        await bench.send(duration_seconds=job.request.duration_seconds)
