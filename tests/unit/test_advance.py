"""Every path of the state machine, by example. `test_state_machine` looks for what these forget."""

from datetime import timedelta
from decimal import Decimal

import pytest

from schemas.domain import events as ev
from schemas.domain.job import LATE_RESULT_WINDOW, ClientCall, Job
from schemas.domain.state_machine import HISTORY_AT_MOST, advance
from schemas.domain.states import ClipState, JobState
from schemas.errors import Category, Charged, ImpossibleStep
from tests.unit.makers import (
    AT,
    BUSY,
    GONE,
    NO,
    PRICE,
    RESULT,
    a_job,
    a_plan,
    accepted,
    after,
    done,
    judged,
    late,
    lost,
    played,
    replayed,
    started,
    stored,
    wished,
    withdrawn,
)

FREE = a_plan(Decimal(0), model="animatic")
TWO = a_plan(PRICE, PRICE)
DENIED = ev.SubmitDenied(at=after(2), nonce="n1", failure=NO)
RESENT = ev.Resubmit(at=after(600), clip=0)
FOUND = ev.FoundUnderPrefix(at=after(600), clip=0, output="work/job-1/0/1/clip.mp4")
BROKEN = ev.ClipFailed(at=after(60), clip=0, failure=NO)


def states(job: Job) -> list[str]:
    return [step.state.value for step in job.history]


def refused(event: ev.Step, job: Job) -> str:
    with pytest.raises(ImpossibleStep) as caught:
        advance(job, event)
    return str(caught.value)


class TestTheStraightRoad:
    def test_one_clip_goes_from_queued_to_succeeded(self) -> None:
        job = played(started(), accepted(), done(), stored())
        assert states(job) == ["queued", "submitting", "generating", "storing", "succeeded"]
        assert job.result == RESULT
        assert job.failure is None
        assert job.cost_usd == PRICE
        assert job.billed_seconds == 4
        assert job.charged is Charged.YES
        assert job.next_check_at is None

    def test_two_clips_are_submitted_one_after_the_other(self) -> None:
        job = played(started(TWO), accepted(), done(0), started(TWO, "n2"), accepted("n2", "op-2"))
        assert states(job) == ["queued", "submitting", "generating", "submitting", "generating"]
        job = played(done(1), stored(), job=job)
        assert states(job)[-2:] == ["storing", "succeeded"]
        assert job.cost_usd == 2 * PRICE

    def test_the_first_submit_freezes_the_plan_and_names_a_prefix_of_its_own(self) -> None:
        job = played(started(TWO))
        assert [clip.planned for clip in job.clips] == list(TWO.clips)
        first, second = job.clips
        assert (first.state, first.attempt, first.prefix) == (ClipState.SUBMITTING, 1, "work/job-1/0/1/")
        assert (first.owner, first.nonce, first.submitting_at) == ("worker-1", "n1", after(1))
        assert (second.state, second.attempt, second.prefix) == (ClipState.PLANNED, 0, None)

    @pytest.mark.parametrize("before", [[started()], [started(), lost()], [started(), accepted()]])
    def test_nothing_is_submitted_while_a_clip_is_open(self, before: list[ev.Step]) -> None:
        assert "SubmitStarted does not fit" in refused(started(nonce="n2"), played(*before))

    def test_nothing_is_submitted_where_all_clips_are_done(self) -> None:
        assert "no clip left" in refused(started(nonce="n2"), played(started(), accepted(), done()))

    def test_nothing_is_submitted_once_a_cancel_is_wished(self) -> None:
        refused(started(nonce="n2"), played(started(), lost(), wished()))

    def test_a_video_is_stored_only_when_every_clip_is_done(self) -> None:
        refused(stored(), a_job())
        refused(stored(), played(started(TWO), accepted(), done(0)))

    @pytest.mark.parametrize("index", [-1, 1])
    def test_a_clip_that_is_not_in_the_plan_is_refused(self, index: int) -> None:
        refused(done(index), played(started(), accepted()))


class TestASubmitThatGaveNothing:
    def test_withdrawn_the_clip_is_planned_again_and_says_what_it_waits_for(self) -> None:
        job = played(started(), withdrawn())
        assert job.state is JobState.QUEUED
        assert job.waiting_for == "quota"
        assert job.clips[0].state is ClipState.PLANNED
        assert job.clips[0].cause == BUSY
        assert job.charged is Charged.NO
        assert not job.started

    def test_after_a_withdrawal_another_model_may_take_over_under_a_new_prefix(self) -> None:
        job = played(started(), withdrawn(), started(FREE, "n2"))
        assert job.clips[0].planned.model == "animatic"
        assert job.clips[0].prefix == "work/job-1/0/2/"
        assert job.waiting_for is None

    def test_once_a_clip_is_paid_no_other_model_takes_over(self) -> None:
        job = played(started(TWO), accepted(), done(0), started(a_plan(PRICE, model="other"), "n2"))
        assert [clip.planned for clip in job.clips] == list(TWO.clips)

    def test_withdrawn_with_a_cancel_wished_ends_the_job_for_free(self) -> None:
        job = played(started(), wished(), withdrawn())
        assert job.state is JobState.CANCELLED
        assert job.failure
        assert job.failure.message == "The job was cancelled."
        assert job.failure.charged is Charged.NO
        assert job.cost_usd == 0
        assert job.waiting_for is None
        assert not job.completion_due

    def test_a_withdrawal_may_still_settle_what_was_thought_lost(self) -> None:
        job = played(started(), lost(), withdrawn())
        assert job.clips[0].state is ClipState.PLANNED
        assert not job.has_unresolved_charges

    def test_denied_ends_the_job_with_the_reason(self) -> None:
        job = played(started(), DENIED)
        assert job.state is JobState.FAILED
        assert job.failure == NO
        assert job.clips[0].state is ClipState.REFUSED
        assert job.clips[0].cause == NO
        assert job.charged is Charged.NO

    def test_denied_with_a_cancel_wished_is_a_cancel(self) -> None:
        assert played(started(), wished(), DENIED).state is JobState.CANCELLED

    def test_denied_at_the_second_clip_the_first_stays_charged(self) -> None:
        job = played(started(TWO), accepted(), done(0), started(TWO, "n1"), DENIED)
        assert job.failure
        assert job.failure.charged is Charged.YES
        assert job.cost_usd == PRICE

    @pytest.mark.parametrize("answer", [accepted("other"), withdrawn("other"), lost("other")])
    def test_an_answer_with_a_foreign_nonce_is_refused(self, answer: ev.Step) -> None:
        refused(answer, played(started()))
        refused(answer, a_job())

    def test_a_denial_with_a_foreign_nonce_is_refused(self) -> None:
        refused(DENIED, played(started(nonce="n2")))

    def test_an_answer_after_the_withdrawal_is_refused(self) -> None:
        refused(accepted(), played(started(), withdrawn()))


class TestAnUnknownSubmit:
    def test_lost_the_job_waits_for_the_outcome_in_submitting(self) -> None:
        job = played(started(), lost())
        assert job.state is JobState.SUBMITTING
        assert job.clips[0].state is ClipState.UNKNOWN
        assert job.waiting_for == "submit_outcome"
        assert job.charged is Charged.UNKNOWN
        assert job.has_unresolved_charges

    def test_its_own_late_answer_settles_it(self) -> None:
        job = played(started(), lost(), accepted())
        assert job.state is JobState.GENERATING
        assert job.waiting_for is None

    def test_found_under_its_prefix_it_is_paid_and_done(self) -> None:
        job = played(started(), lost(), FOUND)
        assert states(job) == ["queued", "submitting", "storing"]
        assert job.clips[0].output == FOUND.output
        assert job.clips[0].accepted_at == FOUND.at
        assert job.cost_usd == PRICE
        assert job.waiting_for is None

    def test_found_with_a_cancel_wished_it_is_charged_and_cancelled(self) -> None:
        job = played(started(), lost(), wished(), FOUND)
        assert job.state is JobState.CANCELLED
        assert job.failure
        assert job.failure.charged is Charged.YES

    def test_only_an_unknown_clip_can_be_found(self) -> None:
        refused(FOUND, played(started()))

    def test_judged_the_job_fails_closed_and_stays_under_watch(self) -> None:
        job = played(started(), lost(), judged())
        assert job.state is JobState.FAILED
        assert job.failure == GONE
        assert job.charged is Charged.UNKNOWN
        assert job.cost_usd == 0
        assert job.next_check_at == after(600) + timedelta(minutes=10)

    def test_judged_with_a_cancel_wished_is_a_cancel_of_unknown_cost(self) -> None:
        job = played(started(), lost(), wished(), judged())
        assert job.state is JobState.CANCELLED
        assert job.failure
        assert job.failure.charged is Charged.UNKNOWN

    def test_without_an_unknown_clip_there_is_nothing_to_judge(self) -> None:
        refused(judged(), played(started()))

    def test_resubmitted_it_gets_another_prefix_and_the_old_one_is_not_forgotten(self) -> None:
        job = played(started(), lost(), RESENT)
        assert job.state is JobState.QUEUED
        assert job.clips[0].lost_prefixes == ("work/job-1/0/1/",)
        assert job.charged is Charged.UNKNOWN
        assert job.waiting_for is None
        assert played(started(FREE, "n2"), job=job).clips[0].prefix == "work/job-1/0/2/"

    def test_what_may_have_been_paid_freezes_the_plan(self) -> None:
        job = played(started(), lost(), RESENT, started(FREE, "n2"))
        assert job.clips[0].planned == a_plan().clips[0]

    def test_a_free_clip_sent_again_never_costs(self) -> None:
        job = played(started(FREE), lost(), RESENT, started(FREE, "n2"), accepted("n2"), late("op-0"))
        assert job.is_free
        assert job.cost_usd == 0
        assert job.charged is Charged.NO
        assert not job.has_unresolved_charges

    def test_a_free_job_that_is_given_up_was_not_charged(self) -> None:
        job = played(started(FREE), lost(), judged())
        assert job.failure
        assert job.failure.charged is Charged.NO

    def test_resubmit_with_a_cancel_wished_cancels(self) -> None:
        assert played(started(), lost(), wished(), RESENT).state is JobState.CANCELLED


class TestALateAcceptance:
    def test_a_clip_that_was_planned_again_adopts_it(self) -> None:
        job = played(started(), withdrawn(), late())
        assert job.state is JobState.GENERATING
        assert job.clips[0].operation == "op-late"
        assert job.cost_usd == PRICE

    def test_an_unknown_clip_adopts_it(self) -> None:
        assert played(started(), lost(), late()).state is JobState.GENERATING

    def test_the_submit_that_is_still_open_adopts_its_own(self) -> None:
        job = played(started(), late(nonce="n1"))
        assert job.clips[0].state is ClipState.ACCEPTED
        assert job.clips[0].late == ()

    def test_an_unknown_clip_with_a_cancel_wished_adopts_it_and_ends(self) -> None:
        job = played(started(), lost(), wished(), late())
        assert job.state is JobState.CANCELLED
        assert job.cost_usd == PRICE

    def test_a_clip_that_is_sent_again_already_discards_it_and_pays_for_both(self) -> None:
        job = played(started(), lost(), RESENT, started(nonce="n2"), late(nonce="n1"))
        assert job.clips[0].state is ClipState.SUBMITTING
        assert job.clips[0].late == ("op-late",)
        assert job.cost_usd == PRICE
        assert played(accepted("n2"), job=job).cost_usd == 2 * PRICE

    def test_an_ended_job_writes_it_down_and_its_reason_says_that_it_was_charged(self) -> None:
        job = played(started(), lost(), judged(), late())
        assert job.state is JobState.FAILED
        assert job.clips[0].state is ClipState.LATE
        assert job.cost_usd == PRICE
        assert job.failure
        assert job.failure.charged is Charged.YES

    def test_once_the_loose_end_is_tied_nobody_looks_any_more(self) -> None:
        assert played(started(), lost(), judged(), late()).next_check_at is None

    def test_a_succeeded_job_pays_for_it_and_keeps_its_video(self) -> None:
        job = played(started(), accepted(), done(), stored(), late())
        assert job.state is JobState.SUCCEEDED
        assert job.clips[0].state is ClipState.DONE
        assert job.cost_usd == 2 * PRICE

    def test_the_same_operation_twice_is_one(self) -> None:
        job = played(started(), lost(), judged(), late())
        assert advance(job, late()) is job
        job = played(started(), accepted())
        assert advance(job, late("op-1")) is job

    def test_the_name_of_a_submit_whose_file_was_found_costs_nothing_more(self) -> None:
        job = played(started(), lost(), FOUND, late(nonce="n1"))
        assert job.clips[0].operation == "op-late"
        assert job.cost_usd == PRICE

    def test_a_clip_that_was_never_sent_can_not_be_accepted(self) -> None:
        refused(late(clip=1), played(started(TWO)))

    def test_a_replay_uses_the_late_operation_and_pays_nothing(self) -> None:
        failed = ev.Failed(at=after(3), failure=NO)
        job = played(started(), withdrawn(), failed, late(), replayed())
        assert (job.clips[0].state, job.clips[0].operation) == (ClipState.ACCEPTED, "op-late")
        assert job.cost_usd == PRICE
        with pytest.raises(ImpossibleStep):
            advance(job, started(FREE, "n2"))


class TestTheEndOfAClip:
    def test_a_failed_operation_fails_the_job_and_keeps_the_paid_clips(self) -> None:
        job = played(started(TWO), accepted(), done(0), started(TWO, "n2"), accepted("n2", "op-2"))
        job = played(ev.ClipFailed(at=after(90), clip=1, failure=NO), job=job)
        assert job.state is JobState.FAILED
        assert [clip.state for clip in job.clips] == [ClipState.DONE, ClipState.REFUSED]
        assert job.cost_usd == PRICE

    @pytest.mark.parametrize(("charged", "cost"), [(Charged.YES, PRICE), (Charged.NO, 0), (Charged.UNKNOWN, 0)])
    def test_a_failed_operation_costs_what_the_model_says(self, charged: Charged, cost: Decimal) -> None:
        failure = NO.model_copy(update={"charged": charged})
        job = played(started(), accepted(), ev.ClipFailed(at=after(60), clip=0, failure=failure))
        assert job.cost_usd == cost
        assert job.charged is charged
        assert job.failure == failure
        again = played(replayed(), job=job)
        asked_once_more = charged is Charged.UNKNOWN
        assert again.cost_usd == (PRICE if asked_once_more else cost)
        assert again.clips[0].state is (ClipState.ACCEPTED if asked_once_more else ClipState.PLANNED)

    def test_only_an_accepted_clip_can_be_done_or_fail(self) -> None:
        refused(done(), played(started()))
        refused(BROKEN, played(started(), accepted(), done()))


class TestCancel:
    def test_a_queued_job_ends_at_once_and_for_free(self) -> None:
        job = played(wished("Wrong scene"))
        assert job.state is JobState.CANCELLED
        assert job.failure
        assert job.failure.message == "The job was cancelled: Wrong scene."
        assert job.failure.category is Category.CANCELLED
        assert job.charged is Charged.NO
        assert job.completion_due
        assert job.next_check_at == after(3)

    @pytest.mark.parametrize("before", [[started()], [started(), lost()]])
    def test_while_a_submit_is_open_it_is_only_noted(self, before: list[ev.Step]) -> None:
        job = played(*before, wished())
        assert job.state is JobState.SUBMITTING
        assert job.cancel_requested
        assert advance(job, wished()) is job

    def test_it_takes_effect_when_the_submit_is_accepted_and_says_that_it_was_charged(self) -> None:
        job = played(started(), wished(), accepted())
        assert job.state is JobState.CANCELLED
        assert job.cost_usd == PRICE
        assert job.failure
        assert job.failure.message.endswith("What had been accepted before was charged.")

    def test_a_running_clip_is_discarded_and_stays_charged(self) -> None:
        job = played(started(), accepted(), wished())
        assert job.state is JobState.CANCELLED
        assert job.clips[0].state is ClipState.ACCEPTED
        assert job.cost_usd == PRICE

    def test_an_ended_job_stays_as_it_is(self) -> None:
        job = played(started(), DENIED)
        assert advance(job, wished()) is job

    def test_whoever_holds_the_message_announces_it_himself(self) -> None:
        assert not played(ev.CancelRequested(at=after(1), held=True)).completion_due


class TestOtherEnds:
    def test_a_failure_needs_no_plan(self) -> None:
        job = played(ev.Failed(at=after(1), failure=NO))
        assert job.state is JobState.FAILED
        assert not job.completion_due

    def test_a_failure_without_the_message_in_hand_is_announced_later(self) -> None:
        job = played(ev.Failed(at=after(1), failure=NO, held=False))
        assert job.completion_due
        assert job.next_check_at == after(1)
        told = played(ev.Announced(at=after(2)), job=job)
        assert not told.completion_due
        assert told.next_check_at is None
        assert advance(told, ev.Announced(at=after(3))) is told

    def test_a_job_does_not_fail_under_an_open_submit(self) -> None:
        refused(ev.Failed(at=after(2), failure=NO), played(started()))

    def test_a_queued_job_expires_with_its_deadline_in_the_reason(self) -> None:
        job = played(ev.Expired(at=after(86_401)))
        assert job.state is JobState.EXPIRED
        assert job.failure
        assert job.failure.message == "The job was not started before 2026-02-01 12:00:00 UTC."
        assert job.failure.retryable

    def test_a_started_job_does_not_expire(self) -> None:
        refused(ev.Expired(at=after(86_401)), played(started(), accepted()))

    @pytest.mark.parametrize(
        "event",
        [
            started(nonce="n9"),
            accepted(),
            withdrawn(),
            lost(),
            FOUND,
            judged(),
            RESENT,
            done(),
            BROKEN,
            stored(),
            DENIED,
        ],
    )
    def test_nothing_brings_an_ended_job_further(self, event: ev.Step) -> None:
        refused(event, played(started(), lost(), judged()))

    @pytest.mark.parametrize("event", [ev.Failed(at=after(9), failure=NO), ev.Expired(at=after(9))])
    def test_an_ended_job_does_not_end_again(self, event: ev.Step) -> None:
        refused(event, played(started(), DENIED))


class TestReplay:
    def test_what_is_paid_stays_paid_and_is_used(self) -> None:
        job = played(started(TWO), accepted(), done(0), started(TWO, "n1"), DENIED, replayed())
        assert job.life == 2
        assert job.state is JobState.GENERATING
        assert [clip.state for clip in job.clips] == [ClipState.DONE, ClipState.PLANNED]
        assert job.cost_usd == PRICE
        assert job.failure is None
        assert job.deadline == after(90_000)
        assert job.next_check_at

    def test_a_cancelled_job_goes_on_with_its_running_clip(self) -> None:
        job = played(started(), accepted(), wished(), replayed())
        assert job.state is JobState.GENERATING
        assert not job.cancel_requested
        assert not job.completion_due

    def test_an_unknown_clip_stays_unknown(self) -> None:
        job = played(started(), lost(), judged(), replayed())
        assert job.state is JobState.SUBMITTING
        refused(started(nonce="n2"), job)
        assert played(RESENT, started(nonce="n2"), job=job).clips[0].attempt == 2

    def test_a_refused_clip_is_sent_under_a_new_prefix(self) -> None:
        job = played(started(), DENIED, replayed(), started(nonce="n2"))
        assert job.clips[0].prefix == "work/job-1/0/2/"

    def test_the_new_attempt_carries_nothing_of_the_old_operation(self) -> None:
        job = played(started(TWO), accepted(), done(0), started(TWO, "n2"), accepted("n2", "op-2"))
        job = played(ev.ClipFailed(at=after(90), clip=1, failure=NO), replayed(), started(TWO, "n3"), job=job)
        assert job.clips[1].state is ClipState.SUBMITTING
        assert job.clips[1].operation is None
        assert job.clips[1].accepted_at is None

    def test_a_running_or_a_succeeded_job_is_not_replayed(self) -> None:
        refused(replayed(), a_job())
        refused(replayed(), played(started(), accepted(), done(), stored()))


class TestTheNextLook:
    def test_it_doubles_up_to_an_hour_while_nothing_moves(self) -> None:
        job, waits = a_job(), []
        for _ in range(7):
            job = played(ev.Reconciled(at=AT), job=job)
            assert job.next_check_at
            waits.append((job.next_check_at - AT).total_seconds() / 60)
        assert waits == [4, 8, 16, 32, 60, 60, 60]

    def test_a_change_of_state_starts_it_afresh(self) -> None:
        job = played(ev.Reconciled(at=AT), ev.Reconciled(at=AT), started())
        assert job.checks == 0
        assert job.next_check_at == after(1) + timedelta(minutes=5)

    def test_loose_ends_are_looked_at_for_a_day(self) -> None:
        job = played(started(), lost(), judged())
        assert played(ev.Reconciled(at=after(1200)), job=job).next_check_at == after(1200) + timedelta(minutes=20)
        assert played(ev.Reconciled(at=after(600) + LATE_RESULT_WINDOW), job=job).next_check_at is None

    def test_an_ended_job_without_loose_ends_is_left_alone(self) -> None:
        refused(ev.Reconciled(at=after(9)), played(started(), DENIED))

    def test_a_thousand_looks_overflow_nothing(self) -> None:
        for job in (a_job(), played(started(), lost(), judged())):
            looked = job.model_copy(update={"checks": 5000})
            assert played(ev.Reconciled(at=after(601)), job=looked).next_check_at


class TestWaiting:
    def test_a_caller_may_come_back_until_he_is_answered(self) -> None:
        job = played(ev.WaitEnded(at=after(280), until=after(2000)))
        assert job.reattach_until == after(2000)
        job = played(ev.CallerAnswered(at=after(300)), job=job)
        assert job.reattach_until is None
        assert advance(job, ev.CallerAnswered(at=after(301))) is job

    def test_a_repeated_call_is_noted_until_its_first_attempt_arrives(self) -> None:
        job = a_job().model_copy(update={"client_call": ClientCall(attempt=1, by_repeat=True)})
        job = played(ev.AttemptAnswered(at=after(1), attempt=2), job=job)
        assert job.client_call == ClientCall(attempt=2, by_repeat=True)
        job = played(ev.AttemptAnswered(at=after(2), attempt=0), job=job)
        assert job.client_call == ClientCall()
        job = played(ev.AnswerReceived(at=after(3)), job=job)
        assert job.client_call == ClientCall(received=True)
        assert advance(job, ev.AnswerReceived(at=after(4))) is job

    def test_a_job_of_no_counted_call_is_answered_to_no_repeat(self) -> None:
        refused(ev.AttemptAnswered(at=after(1), attempt=1), a_job())
        assert advance(a := a_job(), ev.AnswerReceived(at=after(1))) is a


def test_a_long_story_keeps_its_beginning_and_its_end() -> None:
    job = a_job()
    for round_ in range(HISTORY_AT_MOST):
        job = played(started(nonce=f"n{round_}"), withdrawn(f"n{round_}"), job=job)
    assert len(job.history) <= HISTORY_AT_MOST
    assert job.history[0] == a_job().history[0]
    assert states(job)[-2:] == ["submitting", "queued"]
    assert all(first != second for first, second in zip(states(job), states(job)[1:], strict=False))
