"""Whatever happens to a job: what it holds of a budget covers every submit that may have been charged.

The machine sends the clips of one job as a worker does, taking what is missing, and remembers of each submit whether it
was certainly not charged. What is given back is what the record says is unused.
"""

from datetime import timedelta
from decimal import Decimal

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from schemas.domain import events as ev
from schemas.domain.budget import Limit
from schemas.domain.clip import Clip, Plan
from schemas.domain.job import Job
from schemas.domain.state_machine import advance
from schemas.domain.states import ClipState
from schemas.errors import Charged, Failure, ImpossibleStep
from tests.unit.makers import AT, BUSY, GONE, NO, PRICE, a_job, a_plan

LIMIT = Limit.model_validate({"scope": "all", "period": "month", "limit_usd": "1000"})
verdicts = st.sampled_from(list(Charged)).map(lambda charged: GONE.model_copy(update={"charged": charged}))


class Spending(RuleBasedStateMachine):
    """One job, and the money that is held back for it."""

    job: Job
    plan: Plan

    @initialize(clips=st.integers(1, 2))
    def begin(self, clips: int) -> None:
        self.job, self.plan, self.now = a_job(), a_plan(*[PRICE] * clips), AT
        self.held = Decimal(0)
        self.perhaps_charged: set[str] = set()
        self.sent: list[tuple[int, str]] = []
        self.submit_of: dict[str, str] = {}

    def take(self, event: ev.Step) -> bool:
        self.now += timedelta(seconds=1)
        before = self.job
        try:
            self.job = advance(self.job, event)
        except ImpossibleStep:
            return False
        return self.job is not before

    def clip(self, *states: ClipState) -> Clip | None:
        return self.job.clip_in(*states)

    def sendable(self) -> bool:
        """A worker would send its next clip now."""
        busy = self.clip(ClipState.SUBMITTING, ClipState.UNKNOWN, ClipState.ACCEPTED)
        return not (self.job.ended or busy) and (not self.job.clips or self.clip(ClipState.PLANNED) is not None)

    def unanswered(self) -> list[tuple[int, str]]:
        """Clip and nonce of what was sent, may have been accepted, and has no operation in the record."""
        known = self.submit_of.values()
        return [sent for sent in self.sent if sent[1] in self.perhaps_charged and sent[1] not in known]

    def submit_behind(self, clip: Clip) -> str:
        """The one whose answer the line has now."""
        return self.submit_of.get(clip.operation or "", clip.nonce or "")

    @precondition(lambda self: self.sendable())
    @rule()
    def a_clip_is_sent(self) -> None:
        clip, nonce = self.clip(ClipState.PLANNED), f"n{len(self.sent)}"
        missing = LIMIT.amount_to_reserve(PRICE, clip.reserved if clip else (), AT)
        part = (LIMIT.to_reserved(AT, 0, missing),) if missing else ()
        if self.take(ev.SubmitStarted(at=self.now, plan=self.plan, owner="w", nonce=nonce, reserved=part)):
            self.held += missing
            self.perhaps_charged.add(nonce)
            self.sent.append((clip.index if clip else 0, nonce))

    @precondition(lambda self: self.clip(ClipState.SUBMITTING))
    @rule(denied=st.booleans())
    def a_clip_is_refused(self, denied: bool) -> None:
        if clip := self.clip(ClipState.SUBMITTING):
            nonce = clip.nonce or ""
            self.take(
                ev.SubmitDenied(at=self.now, nonce=nonce, failure=NO)
                if denied
                else ev.SubmitWithdrawn(at=self.now, nonce=nonce, cause=BUSY)
            )
            self.perhaps_charged.discard(nonce)

    @precondition(lambda self: self.clip(ClipState.SUBMITTING))
    @rule()
    def a_clip_is_accepted(self) -> None:
        if (clip := self.clip(ClipState.SUBMITTING)) and self.take(
            ev.SubmitAccepted(at=self.now, nonce=clip.nonce or "", operation=f"op-{clip.nonce}")
        ):
            self.submit_of[f"op-{clip.nonce}"] = clip.nonce or ""

    @precondition(lambda self: self.clip(ClipState.SUBMITTING))
    @rule()
    def a_submit_is_lost(self) -> None:
        if clip := self.clip(ClipState.SUBMITTING):
            self.take(ev.SubmitOutcomeUnknown(at=self.now, nonce=clip.nonce or ""))

    @precondition(lambda self: self.clip(ClipState.UNKNOWN) and not self.job.ended)
    @rule(sent_again=st.booleans())
    def a_lost_submit_is_judged(self, sent_again: bool) -> None:
        if clip := self.clip(ClipState.UNKNOWN):
            self.take(
                ev.Resubmit(at=self.now, clip=clip.index) if sent_again else ev.SubmitGivenUp(at=self.now, failure=GONE)
            )

    @precondition(lambda self: self.unanswered())
    @rule(which=st.integers(0, 5))
    def the_answer_of_a_lost_submit_comes_late(self, which: int) -> None:
        lost = self.unanswered()
        index, nonce = lost[which % len(lost)]
        if self.take(ev.AcceptedLate(at=self.now, clip=index, nonce=nonce, operation=f"op-{nonce}")):
            self.submit_of[f"op-{nonce}"] = nonce

    @precondition(lambda self: self.clip(ClipState.ACCEPTED) and not self.job.ended)
    @rule(failure=verdicts, busy=st.booleans())
    def an_operation_fails(self, failure: Failure, busy: bool) -> None:
        if clip := self.clip(ClipState.ACCEPTED):
            event: ev.Step = ev.ClipFailed(at=self.now, clip=clip.index, failure=failure)
            if busy:
                event = ev.ClipWithdrawn(at=self.now, clip=clip.index, cause=BUSY)
            self.take(event)
            if busy or failure.charged is Charged.NO:
                self.perhaps_charged.discard(self.submit_behind(clip))

    @precondition(lambda self: self.clip(ClipState.ACCEPTED) and not self.job.ended)
    @rule()
    def a_clip_is_done(self) -> None:
        if clip := self.clip(ClipState.ACCEPTED):
            self.take(ev.ClipDone(at=self.now, clip=clip.index, output=f"{clip.prefix}clip.mp4"))

    @precondition(lambda self: any(clip.is_in_doubt for clip in self.job.clips))
    @rule(index=st.integers(0, 1), charged=st.booleans())
    def a_person_resolves(self, index: int, charged: bool) -> None:
        clip = self.job.clips[index] if index < len(self.job.clips) else None
        if (
            clip
            and clip.is_in_doubt
            and self.take(ev.Resolved(at=self.now, clip=index, charged=charged))
            and not charged
        ):
            self.perhaps_charged.discard(self.submit_behind(clip))

    @precondition(lambda self: not self.job.ended)
    @rule()
    def it_is_cancelled(self) -> None:
        self.take(ev.CancelRequested(at=self.now))

    @precondition(lambda self: self.job.ended)
    @rule(resubmit=st.none() | st.integers(0, 1))
    def it_lives_again(self, resubmit: int | None) -> None:
        self.take(ev.Replayed(at=self.now, deadline=self.now + timedelta(days=1), resubmit=resubmit))

    @precondition(lambda self: self.job.ended)
    @rule()
    def what_is_unused_is_given_back(self) -> None:
        unused = sum((part.usd for part in self.job.unused_reservations), Decimal(0))
        if self.take(ev.ReservationsReturned(at=self.now)):
            self.held -= unused

    @invariant()
    def what_may_have_been_charged_is_held(self) -> None:
        assert self.held >= PRICE * len(self.perhaps_charged)

    @invariant()
    def the_ledger_names_no_more_than_is_held(self) -> None:
        assert self.held >= sum((part.usd for clip in self.job.clips for part in clip.reserved), Decimal(0))


TestSpending = Spending.TestCase
TestSpending.settings = settings(
    max_examples=120, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
