"""Any sequence of events either raises `ImpossibleStep` and changes nothing, or keeps the promises about money and end.

The machine throws events at one job: sensible ones and stale, foreign and repeated ones. It keeps a bill of its own.
"""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import get_args

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from schemas.domain import events as ev
from schemas.domain.clip import Plan
from schemas.domain.evaluation import EvaluationCall
from schemas.domain.job import Job
from schemas.domain.state_machine import advance, apply
from schemas.domain.states import ClipState, JobState
from schemas.errors import Charged, Failure, ImpossibleStep
from tests.unit.makers import AT, BUSY, GONE, NO, RESULT, a_job, a_plan

Q, SUB, GEN, STO = JobState.QUEUED, JobState.SUBMITTING, JobState.GENERATING, JobState.STORING
JUDGED = ("charged_without_video", "not_charged")
WON, FAILED, CANCELLED, EXPIRED = JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.EXPIRED
LEGAL = {
    Q: {SUB, GEN, FAILED, CANCELLED, EXPIRED},
    SUB: {Q, GEN, STO, FAILED, CANCELLED},
    GEN: {SUB, STO, FAILED, CANCELLED},
    STO: {WON, FAILED, CANCELLED},
    WON: set(),
    FAILED: {Q, SUB, GEN, STO},
    CANCELLED: {Q, SUB, GEN, STO},
    EXPIRED: {Q, SUB, GEN, STO},
}

prices = st.sampled_from([Decimal("0.40"), Decimal("1.20")])
plans = st.one_of(
    st.lists(prices, min_size=1, max_size=3).map(lambda some: a_plan(*some)),
    st.integers(1, 2).map(lambda clips: a_plan(*[Decimal(0)] * clips, model="animatic")),
)
moments = st.integers(0, 3_600_000).map(lambda ms: timedelta(milliseconds=ms))
ages = st.sampled_from([0, 0, 0, 1, 2])
indexes = st.sampled_from([None, None, None, -1, 0, 1, 2])
"""None: the first clip that is not done, which is the one that a sensible worker means."""
failures = st.sampled_from(list(Charged)).map(lambda charged: GONE.model_copy(update={"charged": charged}))
outputs = st.sampled_from(["a.mp4", "b.mp4"])
roads = st.sampled_from(
    [
        "",
        "submit",
        "submit lose",
        "submit withdraw",
        "submit lose resubmit submit",
        "submit lose judge",
        "submit withdraw fail",
        "submit accept",
        "submit accept finish submit",
        "submit accept finish submit accept finish submit accept finish",
        "submit accept cancel replay",
        "submit deny replay",
        "submit lose judge charge replay submit",
        "submit lose judge acquit",
        "submit lose resubmit submit lose judge charge",
        "submit deny erase",
        "submit cancel",
        "submit withdraw fail late replay",
        "submit accept break replay",
        "submit accept finish submit accept break replay submit",
    ]
)
"""Where the fire begins; random events alone seldom get far."""


class Life(RuleBasedStateMachine):
    """One job under fire."""

    job: Job
    before: Job
    event: ev.Step | None

    @initialize(plan=plans, road=roads)
    def a_job_has_come_a_certain_way(self, plan: Plan, road: str) -> None:
        self.job = self.before = a_job()
        self.event = None
        self.now = AT
        self.plan = plan
        self.nonces = ["n0"]
        self.operations = ["op0"]
        self.bill: dict[str, Decimal] = {}
        self.sent = False
        for word in road.split():
            self.go(word)

    def go(self, word: str) -> None:
        ways: dict[str, Callable[[], None]] = {
            "submit": self.a_worker_starts_to_submit,
            "accept": lambda: self.a_submit_is_accepted(0),
            "lose": lambda: self.a_submit_is_lost(0),
            "withdraw": lambda: self.a_submit_is_withdrawn(0),
            "deny": lambda: self.a_submit_is_denied(0),
            "finish": lambda: self.a_clip_is_done(None, "a.mp4"),
            "resubmit": lambda: self.an_unknown_clip_may_be_sent_again(None),
            "judge": lambda: self.a_search_ends_in_a_judgement(GONE),
            "replay": self.a_person_replays,
            "charge": lambda: self.a_person_resolves(None, charged=True),
            "acquit": lambda: self.a_person_resolves(None, charged=False),
            "erase": self.it_is_erased_and_swept,
            "late": lambda: self.an_operation_turns_up_late(None, known=False),
            "break": lambda: self.a_clip_fails(None, GONE.model_copy(update={"charged": Charged.YES})),
            "store": self.the_final_file_is_stored,
            "fail": lambda: self.somebody_ends_it("fail", held=True),
            "cancel": lambda: self.somebody_ends_it("cancel", held=True),
        }
        ways[word]()

    def take(self, event: ev.Step) -> bool:
        """Whether the event was possible and changed something."""
        written = self.job.model_dump_json()
        try:
            after = advance(self.job, event)
        except ImpossibleStep:
            assert self.job.model_dump_json() == written
            return False
        assert self.job.model_dump_json() == written, "advance changes nothing in place"
        self.before, self.event, self.job = self.job, event, after
        return after is not self.before

    def nonce(self, age: int) -> str:
        return self.nonces[-1 - min(age, len(self.nonces) - 1)]

    def new_operation(self) -> str:
        self.operations.append(f"op{len(self.operations)}")
        return self.operations[-1]

    def at(self, index: int | None) -> int:
        if index is not None:
            return index
        return next((clip.index for clip in self.job.clips if clip.state is not ClipState.DONE), 0)

    def price(self, index: int) -> Decimal:
        return self.job.clips[index].planned.price_usd

    @rule(passed=moments)
    def time_passes(self, passed: timedelta) -> None:
        self.now += passed

    @rule()
    def a_worker_starts_to_submit(self) -> None:
        self.nonces.append(f"n{len(self.nonces)}")
        event = ev.SubmitStarted(at=self.now, plan=self.plan, owner="worker", nonce=self.nonces[-1])
        self.sent |= self.take(event)

    @rule(plan=plans)
    def the_settings_name_another_model(self, plan: Plan) -> None:
        self.plan = plan

    @rule(age=ages)
    def a_submit_is_withdrawn(self, age: int) -> None:
        self.take(ev.SubmitWithdrawn(at=self.now, nonce=self.nonce(age), cause=BUSY, waiting_for="quota"))

    @rule(age=ages)
    def a_submit_is_denied(self, age: int) -> None:
        self.take(ev.SubmitDenied(at=self.now, nonce=self.nonce(age), failure=NO))

    @rule(age=ages)
    def a_submit_is_accepted(self, age: int) -> None:
        event = ev.SubmitAccepted(at=self.now, nonce=self.nonce(age), operation=self.new_operation())
        if self.take(event):
            clip = next(clip for clip in self.job.clips if clip.operation == event.operation)
            self.bill[event.operation] = clip.planned.price_usd

    @rule(age=ages)
    def a_submit_is_lost(self, age: int) -> None:
        self.take(ev.SubmitOutcomeUnknown(at=self.now, nonce=self.nonce(age)))

    @rule(index=indexes, output=outputs)
    def a_search_finds_the_file(self, index: int | None, output: str) -> None:
        index = self.at(index)
        if self.take(ev.FoundUnderPrefix(at=self.now, clip=index, output=output)):
            self.bill[f"found {index}"] = self.price(index)

    @rule(failure=failures)
    def a_search_ends_in_a_judgement(self, failure: Failure) -> None:
        self.take(ev.SubmitGivenUp(at=self.now, failure=failure))

    @rule(index=indexes)
    def an_unknown_clip_may_be_sent_again(self, index: int | None) -> None:
        self.take(ev.Resubmit(at=self.now, clip=self.at(index)))

    @rule(index=indexes, known=st.booleans())
    def an_operation_turns_up_late(self, index: int | None, known: bool) -> None:
        """With a nonce that the record has never had: a submit of its own, paid for on its own."""
        index = self.at(index)
        operation = self.operations[-1] if known else self.new_operation()
        if self.take(ev.AcceptedLate(at=self.now, clip=self.at(index), nonce="forgotten", operation=operation)):
            key = operation if operation not in self.bill else f"{operation} for clip {index}"
            self.bill[key] = self.price(index)

    @rule(index=indexes, charged=st.booleans())
    def a_person_resolves(self, index: int | None, charged: bool) -> None:
        """Who is charged for a present attempt pays once, who is charged for lost ones once for each."""
        clips, index = self.job.clips, self.at(index)
        if self.take(ev.Resolved(at=self.now, clip=index, charged=charged)) and charged:
            count = 1 if clips[index].is_in_doubt else len(clips[index].lost_prefixes)
            self.operations.append(f"resolved{len(self.operations)}")
            self.bill[self.operations[-1]] = self.price(index) * count

    @rule()
    def an_answer_comes_after_a_person_judged_its_submit(self) -> None:
        """One submit has one answer: once it is in the ledger, another operation would be another charge."""
        judged = [clip for clip in self.job.clips if clip.nonce and clip.cause and clip.cause.code in JUDGED]
        for clip in [clip for clip in judged if self.job.ended and clip.state is ClipState.REFUSED]:
            operation = self.new_operation()
            assert clip.cause
            if (
                self.take(ev.AcceptedLate(at=self.now, clip=clip.index, nonce=str(clip.nonce), operation=operation))
                and (clip.cause.charged is Charged.NO or clip.operation)  # it has its answer: this is another charge
            ):
                self.bill[operation] = clip.planned.price_usd
            assert self.job.clips[clip.index].state is ClipState.LATE

    @rule()
    def an_answer_comes_after_its_file_was_found(self) -> None:
        found = [clip for clip in self.job.clips if clip.state is ClipState.DONE and clip.operation is None]
        for clip in found:
            bill, operation = self.job.cost_usd, self.new_operation()
            self.take(ev.AcceptedLate(at=self.now, clip=clip.index, nonce=str(clip.nonce), operation=operation))
            assert self.job.cost_usd == bill, "it is the same submit, and is paid once"

    @rule(index=indexes, output=outputs)
    def a_clip_is_done(self, index: int | None, output: str) -> None:
        self.take(ev.ClipDone(at=self.now, clip=self.at(index), output=output))

    @rule(index=indexes, failure=failures)
    def a_clip_fails(self, index: int | None, failure: Failure) -> None:
        index = self.at(index)
        running = [clip.operation for clip in self.job.clips if clip.index == index]
        if (
            self.take(ev.ClipFailed(at=self.now, clip=self.at(index), failure=failure))
            and failure.charged is not Charged.YES
        ):
            self.bill.pop(f"{running[0]} for clip {index}", None) or self.bill.pop(str(running[0]), None)

    @rule()
    def the_final_file_is_stored(self) -> None:
        self.take(ev.Stored(at=self.now, result=RESULT))

    @rule(word=st.sampled_from(["fail", "cancel", "expire"]), held=st.booleans())
    def somebody_ends_it(self, word: str, held: bool) -> None:
        match word:
            case "fail":
                self.take(ev.Failed(at=self.now, failure=GONE, held=held))
            case "cancel":
                self.take(ev.CancelRequested(at=self.now, reason="no need", held=held))
            case "expire":
                self.take(ev.Expired(at=self.now, held=held))

    @rule(announced=st.booleans())
    def reconcile_looks(self, announced: bool) -> None:
        self.take(ev.Announced(at=self.now) if announced else ev.Reconciled(at=self.now))

    @rule(word=st.sampled_from(["submit", "accept", "finish", "store"]))
    def a_worker_does_its_work(self, word: str) -> None:
        self.go(word)

    @rule(resubmit=st.booleans())
    def a_person_replays(self, resubmit: bool = False) -> None:
        """Who is asked once more about an operation in doubt takes it for paid until the answer is there."""
        again = self.at(None) if resubmit else None
        asked = [clip for clip in self.job.clips if clip.is_in_doubt and clip.operation and clip.index != again]
        if self.take(ev.Replayed(at=self.now, deadline=self.now + timedelta(days=1), resubmit=again)):
            for clip in asked:
                key = str(clip.operation)
                key = key if key not in self.bill else f"{key} for clip {clip.index}"
                self.bill[key] = clip.planned.price_usd

    @rule()
    def it_is_erased_and_swept(self) -> None:
        spent = (self.job.cost_usd, self.job.charged, self.job.billed_seconds)
        if self.take(ev.Erased(at=self.now)):
            assert (self.job.cost_usd, self.job.charged, self.job.billed_seconds) == spent
        self.take(ev.FilesDeleted(at=self.now))

    @rule(index=st.sampled_from([-1, 0, 1]))
    def an_evaluator_calls(self, index: int) -> None:
        """Its calls are a ledger of their own: they change neither the job's cost nor its end."""
        before, call = self.job, EvaluationCall(kind="evaluation", metric="m", at=self.now)
        if self.take(ev.EvaluationCalled(at=self.now, call=call)):
            assert self.job.state is WON
            assert self.job.evaluations == (*before.evaluations, call)
        ended = self.job
        if self.take(ev.EvaluationCallEnded(at=self.now, number=index, outcome="answered")):
            assert [call.outcome for call in self.job.evaluations][index] == "answered"
            assert self.job.model_copy(update={"evaluations": ended.evaluations}) == ended

    @rule()
    def the_caller_goes_and_comes_back(self) -> None:
        self.take(ev.WaitEnded(at=self.now, until=self.now + timedelta(minutes=30)))
        self.take(ev.CallerAnswered(at=self.now))
        assert self.job.reattach_until is None

    @rule()
    def is_not_published(self) -> None:
        before = self.job
        self.take(ev.Unsent(at=self.now))
        assert self.job.model_copy(update={"next_check_at": before.next_check_at}) == before
        assert self.job.ended or (self.job.next_check_at is not None and self.job.next_check_at <= self.now)

    @invariant()
    def the_ledger_agrees_with_the_bill(self) -> None:
        assert self.job.cost_usd == sum(self.bill.values(), Decimal(0))

    @invariant()
    def money_never_decreases_unless_the_model_says_that_a_failed_clip_was_not_charged(self) -> None:
        if not isinstance(self.event, ev.ClipFailed):
            assert self.job.cost_usd >= self.before.cost_usd

    @invariant()
    def what_was_spent_is_never_called_free(self) -> None:
        assert (self.job.charged is Charged.YES) == (self.job.cost_usd > 0)

    @invariant()
    def the_reason_of_an_end_says_the_same_about_the_money_as_the_ledger(self) -> None:
        if self.job.failure and self.job.charged is not Charged.NO:
            assert self.job.failure.charged is self.job.charged

    @invariant()
    def a_free_plan_never_costs(self) -> None:
        if self.job.is_free:
            assert self.job.cost_usd == 0
            assert self.job.charged is Charged.NO
            assert not self.job.failure or self.job.failure.charged is Charged.NO

    @invariant()
    def an_end_is_final_unless_replayed(self) -> None:
        if self.before.ended and not isinstance(self.event, ev.Replayed):
            assert self.job.state is self.before.state
            assert self.job.history == self.before.history

    @invariant()
    def a_replay_begins_the_next_life_and_nothing_else_does(self) -> None:
        born = isinstance(self.event, ev.Replayed) and self.job is not self.before
        assert self.job.life == self.before.life + born

    @invariant()
    def the_history_is_legal_and_in_order(self) -> None:
        steps = self.job.history
        assert steps[-1].state is self.job.state
        for earlier, later in pairwise(steps):
            assert later.state in LEGAL[earlier.state]
            assert earlier.at <= later.at

    @invariant()
    def an_answer_counts_only_for_the_submit_that_is_open(self) -> None:
        if isinstance(self.event, ev.SubmitAccepted | ev.SubmitDenied | ev.SubmitWithdrawn | ev.SubmitOutcomeUnknown):
            opened = self.before.clip_in(ClipState.SUBMITTING, ClipState.UNKNOWN)
            assert opened
            assert opened.nonce == self.event.nonce

    @invariant()
    def a_wished_cancel_ends_the_job_as_soon_as_the_submit_is_settled(self) -> None:
        if self.before.cancel_requested and self.job.cancel_requested and self.job.state is not FAILED:
            assert self.job.state in (SUB, CANCELLED)

    @invariant()
    def what_was_once_in_doubt_is_not_called_free_by_sending_it_again(self) -> None:
        if self.before.charged is Charged.UNKNOWN and isinstance(self.event, ev.Resubmit | ev.Replayed):
            assert self.job.charged is not Charged.NO

    @invariant()
    def at_most_one_clip_is_being_submitted(self) -> None:
        states = [clip.state for clip in self.job.clips]
        assert states.count(ClipState.SUBMITTING) + states.count(ClipState.UNKNOWN) <= 1

    @invariant()
    def nothing_is_being_submitted_in_an_ended_job(self) -> None:
        assert not self.job.ended or self.job.clip_in(ClipState.SUBMITTING) is None

    @invariant()
    def an_accepted_clip_is_never_planned_again(self) -> None:
        for clip in self.before.clips:
            if clip.state in (ClipState.ACCEPTED, ClipState.DONE):
                kept = self.job.clips[clip.index]
                assert kept.state is not ClipState.PLANNED
                assert kept.operation in (clip.operation, kept.operation if clip.operation is None else None)

    @invariant()
    def an_unknown_clip_is_planned_again_only_by_permission_or_a_definite_answer(self) -> None:
        allowed = ev.Resubmit | ev.SubmitWithdrawn | ev.Resolved | ev.Replayed
        for clip in self.before.clips:
            if clip.state is ClipState.UNKNOWN and self.job.clips[clip.index].state is ClipState.PLANNED:
                assert isinstance(self.event, allowed)

    @invariant()
    def the_plan_is_frozen_once_something_may_be_paid(self) -> None:
        if self.before.started:
            assert [clip.planned for clip in self.job.clips] == [clip.planned for clip in self.before.clips]

    @invariant()
    def attempts_only_grow_so_that_no_prefix_is_used_twice(self) -> None:
        for clip in self.before.clips[: len(self.job.clips)]:
            assert self.job.clips[clip.index].attempt >= clip.attempt

    @invariant()
    def cancelled_before_any_submit_costs_nothing(self) -> None:
        if self.job.state is CANCELLED and not self.sent:
            assert self.job.cost_usd == 0
            assert self.job.failure
            assert self.job.failure.charged is Charged.NO

    @invariant()
    def every_end_but_success_has_a_reason_and_success_has_a_video(self) -> None:
        assert (self.job.failure is not None) == (self.job.ended and self.job.state is not WON)
        assert (self.job.result is not None) == (self.job.state is WON)

    @invariant()
    def somebody_looks_at_every_job_that_has_not_ended(self) -> None:
        if not self.job.ended or self.job.completion_due or self.job.sweep_until:
            assert self.job.next_check_at is not None
        elif not self.job.has_unresolved_charges:
            assert self.job.next_check_at is None

    @invariant()
    def an_erased_job_stays_erased_and_holds_no_word_of_its_caller(self) -> None:
        assert not self.before.erased_at or self.job.erased_at == self.before.erased_at
        if self.job.erased_at:
            assert self.job.ended
            assert a_job().request.prompt not in self.job.model_dump_json()

    @invariant()
    def a_completion_is_due_only_for_an_end(self) -> None:
        assert not self.job.completion_due or self.job.ended

    @invariant()
    def a_cancel_is_only_noted_while_a_submit_is_open(self) -> None:
        if self.job.cancel_requested and not self.job.ended:
            assert self.job.clip_in(ClipState.SUBMITTING, ClipState.UNKNOWN)

    @invariant()
    def the_record_survives_its_own_json(self) -> None:
        assert Job.model_validate_json(self.job.model_dump_json()) == self.job


Life.TestCase.settings = settings(
    max_examples=120, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestLife = Life.TestCase


def test_every_kind_of_event_has_a_step() -> None:
    kinds = set(get_args(ev.Step))
    assert set(apply.registry) - {object, ev.Event} == kinds
    found = {kind for kind in vars(ev).values() if isinstance(kind, type) and issubclass(kind, ev.Event)}
    assert found - {ev.Event} == kinds
