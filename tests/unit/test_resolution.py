"""What a person's word does to a clip in doubt: the bill, the job, and its later lives."""

from decimal import Decimal

import pytest

from schemas.domain import events as ev
from schemas.domain.job import Job
from schemas.domain.state_machine import advance
from schemas.domain.states import ClipState, JobState
from schemas.errors import Charged, ImpossibleStep
from tests.unit.makers import (
    GONE,
    PRICE,
    a_plan,
    accepted,
    after,
    done,
    judged,
    late,
    lost,
    played,
    replayed,
    resolved,
    started,
    stored,
    wished,
)

UNKNOWN = (started(), lost())
FOUND = "work/job-1/0/1/clip.mp4"


def test_a_charged_clip_fails_its_live_job_and_stands_on_the_bill() -> None:
    job = played(*UNKNOWN, resolved(charged=True))
    assert job.failure
    assert (job.state, job.failure.code, job.failure.charged) == (
        JobState.FAILED,
        "charged_without_video",
        Charged.YES,
    )
    assert (job.cost_usd, job.completion_due, job.has_unresolved_charges) == (PRICE, True, False)


def test_a_clip_that_was_not_charged_is_sent_afresh_and_not_watched() -> None:
    job = played(*UNKNOWN, resolved(charged=False))
    assert (job.state, job.clips[0].state, job.charged, job.waiting_for) == (
        JobState.QUEUED,
        ClipState.PLANNED,
        Charged.NO,
        None,
    )
    again = played(started(nonce="n2"), job=job)
    assert (again.clips[0].attempt, again.clips[0].lost_prefixes) == (2, ())


@pytest.mark.parametrize(
    "word", [resolved(charged=True), resolved(charged=False), ev.Resubmit(at=after(800), clip=0, held=False)]
)
def test_a_cancel_that_waited_for_the_outcome_ends_the_job_and_its_end_is_announced(word: ev.Step) -> None:
    job = played(*UNKNOWN, wished("no need"), word)
    assert (job.state, job.completion_due) == (JobState.CANCELLED, True)
    assert job.next_check_at == after(800)


def test_a_found_film_ends_a_job_whose_cancel_waited_and_its_end_is_announced() -> None:
    found = ev.FoundUnderPrefix(at=after(800), clip=0, output=FOUND, held=False)
    job = played(*UNKNOWN, wished(), found)
    assert (job.state, job.completion_due, job.cost_usd) == (JobState.CANCELLED, True, PRICE)


@pytest.mark.parametrize(("charged", "cost"), [(True, PRICE), (False, Decimal(0))])
def test_the_record_of_an_ended_job_is_set_right_and_nothing_else(charged: bool, cost: Decimal) -> None:
    ended = played(*UNKNOWN, judged())
    job = played(resolved(charged=charged), job=ended)
    assert job.failure
    assert (job.state, job.history, job.life) == (ended.state, ended.history, ended.life)
    assert (job.cost_usd, job.charged, job.failure.charged) == (cost, job.charged, job.charged)
    assert job.charged is (Charged.YES if charged else Charged.NO)
    assert (job.has_unresolved_charges, job.next_check_at, job.completion_due) == (False, None, False)


@pytest.mark.parametrize("code", ["generation_lost", "no_video"])
def test_an_accepted_clip_that_made_nothing_can_be_judged_as_well(code: str) -> None:
    broke = ev.ClipFailed(at=after(60), clip=0, failure=GONE.model_copy(update={"code": code}))
    job = played(started(), accepted(), broke, resolved(charged=True))
    assert (job.state, job.cost_usd, job.charged) == (JobState.FAILED, PRICE, Charged.YES)


def test_a_charged_clip_stays_on_the_bill_in_the_next_life_and_its_film_is_looked_for_before_the_next_send() -> None:
    job = played(*UNKNOWN, judged(), resolved(charged=True), replayed())
    assert (job.clips[0].state, job.cost_usd, job.clips[0].late) == (ClipState.PLANNED, PRICE, ("work/job-1/0/1/",))
    both = played(started(nonce="n2"), accepted("n2", "op-2"), job=job)
    assert both.cost_usd == 2 * PRICE


def test_the_film_of_a_charged_clip_that_turns_up_in_the_next_life_is_not_charged_twice() -> None:
    job = played(*UNKNOWN, judged(), resolved(charged=True), replayed())
    known = ev.SubmitStarted(at=after(1100), plan=a_plan(), owner="worker-1", nonce="n2", attempt=1)
    found = ev.FoundUnderPrefix(at=after(1200), clip=0, output=FOUND)
    job = played(known, lost("n2"), found, job=job)
    assert (job.state, job.cost_usd, job.clips[0].late) == (JobState.STORING, PRICE, ())


@pytest.mark.parametrize("charged", [True, False])
def test_the_operation_of_a_judged_submit_that_turns_up_is_one_charge_and_a_replay_asks_for_it(charged: bool) -> None:
    job = played(*UNKNOWN, judged(), resolved(charged=charged), late("op-1", nonce="n1"))
    assert job.failure
    assert (job.clips[0].state, job.cost_usd, job.failure.charged) == (ClipState.LATE, PRICE, Charged.YES)
    again = played(replayed(), job=job)
    assert (again.state, again.clips[0].operation, again.cost_usd) == (JobState.GENERATING, "op-1", PRICE)


def test_a_person_may_have_it_sent_again_in_the_next_life_and_the_first_attempt_stays_watched() -> None:
    job = played(*UNKNOWN, judged(), replayed(resubmit=0))
    assert (job.state, job.life, job.clips[0].state) == (JobState.QUEUED, 2, ClipState.PLANNED)
    assert (job.clips[0].lost_prefixes, job.charged) == (("work/job-1/0/1/",), Charged.UNKNOWN)


def _with_a_lost_attempt() -> Job:
    """The first attempt was never heard of, the second made the video."""
    again = ev.Resubmit(at=after(3), clip=0)
    second = ev.ClipDone(at=after(60), clip=0, output="work/job-1/0/2/clip.mp4")
    return played(*UNKNOWN, again, started(nonce="n2"), accepted("n2", "op-2"), second, stored())


@pytest.mark.parametrize(("charged", "cost"), [(True, 2 * PRICE), (False, PRICE)])
def test_a_lost_attempt_of_a_finished_job_can_be_judged(charged: bool, cost: Decimal) -> None:
    job = played(resolved(charged=charged), job=_with_a_lost_attempt())
    assert (job.state, job.cost_usd, job.has_unresolved_charges, job.failure) == (JobState.SUCCEEDED, cost, False, None)


def test_a_lost_attempt_whose_film_turned_up_is_not_in_doubt_any_more() -> None:
    job = played(late(FOUND, nonce=""), job=_with_a_lost_attempt())
    assert (job.cost_usd, job.has_unresolved_charges) == (2 * PRICE, False)
    with pytest.raises(ImpossibleStep):
        advance(job, resolved(charged=True))


def test_the_film_of_an_earlier_attempt_leaves_the_present_one_in_doubt() -> None:
    again = ev.Resubmit(at=after(3), clip=0)
    job = played(*UNKNOWN, again, started(nonce="n2"), lost("n2"), judged(), late(FOUND, nonce=""))
    assert (job.clips[0].state, job.clips[0].lost_prefixes) == (ClipState.LATE, ("work/job-1/0/2/",))
    assert job.has_unresolved_charges


@pytest.mark.parametrize(
    "job",
    [
        played(),
        played(started()),
        played(started(), accepted()),
        played(started(), accepted(), done()),
        played(started(), accepted(), done(), stored()),
        played(*UNKNOWN, judged(), resolved(charged=True)),
        played(*UNKNOWN, ev.Resubmit(at=after(3), clip=0)),
    ],
    ids=["queued", "submitting", "generating", "storing", "succeeded", "judged before", "to be sent again"],
)
def test_what_is_not_in_doubt_cannot_be_judged(job: Job) -> None:
    if job.clips:
        with pytest.raises(ImpossibleStep):
            advance(job, resolved(charged=True))
    with pytest.raises(ImpossibleStep):
        advance(job, resolved(charged=True, clip=7))
