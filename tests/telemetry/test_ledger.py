"""What is counted of a record's changes agrees with its ledger, whatever happens to the job."""

from collections import Counter
from decimal import Decimal

from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant

from infra.telemetry.catalogue import METRICS
from infra.telemetry.ledger import increments_of, totals_of
from schemas.domain import events as ev
from schemas.domain.clip import Plan
from schemas.domain.evaluation import EvaluationCall
from schemas.domain.job import Job
from schemas.domain.state_machine import advance
from schemas.domain.states import ClipState
from schemas.errors import Charged
from tests.unit.makers import (
    GONE,
    NO,
    PRICE,
    a_job,
    accepted,
    after,
    done,
    judged,
    late,
    lost,
    replayed,
    resolved,
    started,
    stored,
    wished,
)
from tests.unit.test_state_machine import Life


def _count(*events: ev.Step) -> tuple[Job, Counter[str]]:
    """The job after the events, and what was counted: sums by metric and by the attribute that tells them apart."""
    job, sums = a_job(), Counter[str]()
    for event in events:
        before, job = totals_of(job), advance(job, event)
        for name, amount, attributes in increments_of(before, job, totals_of(job)):
            assert attributes.keys() <= set(METRICS[name].attributes)
            key = attributes.get("reelbus.charged") or attributes.get("reelbus.clip.state") or ""
            sums[f"{name} {key}".strip()] += amount  # type: ignore[assignment]
    return job, sums


def _spend(sums: Counter[str]) -> dict[str, float]:
    return {key.removeprefix("reelbus.spend "): usd for key, usd in sums.items() if key.startswith("reelbus.spend ")}


def _reversed(sums: Counter[str]) -> dict[str, float]:
    return {key.split()[1]: usd for key, usd in sums.items() if key.startswith("reelbus.spend.reversed ")}


def test_a_clip_is_spent_when_it_is_done() -> None:
    _, sums = _count(started(), accepted())
    assert _spend(sums) == {}
    job, sums = _count(started(), accepted(), done(), stored())
    assert _spend(sums) == {"yes": float(job.cost_usd)} == {"yes": float(PRICE)}
    assert (sums["reelbus.clips accepted"], sums["reelbus.clips done"], sums["reelbus.jobs"]) == (1, 1, 1)
    assert sums["reelbus.video.billed"] == 4


def test_a_clip_is_spent_at_the_price_that_the_provider_names() -> None:
    cheaper = ev.ClipDone(at=after(60), clip=0, output="work/job-1/0/1/clip.mp4", price_usd=Decimal("0.31"))
    job, sums = _count(started(), accepted(), cheaper, stored())
    assert _spend(sums) == {"yes": 0.31} == {"yes": float(job.cost_usd)}


def test_a_generation_that_fails_is_spent_as_its_failure_says() -> None:
    for charged, spent in ((Charged.NO, {}), (Charged.YES, {"yes": 0.4}), (Charged.UNKNOWN, {"unknown": 0.4})):
        failed = ev.ClipFailed(at=after(60), clip=0, failure=NO.model_copy(update={"charged": charged}))
        assert _spend(_count(started(), accepted(), failed)[1]) == spent


def test_an_accepted_clip_of_a_cancelled_job_is_spent() -> None:
    assert _spend(_count(started(), accepted(), wished())[1]) == {"yes": 0.4}


def test_an_unknown_submit_counts_once_and_its_video_too() -> None:
    found = ev.FoundUnderPrefix(at=after(600), clip=0, output="work/job-1/0/1/clip.mp4")
    assert _spend(_count(started(), lost(), found, stored())[1]) == {"unknown": 0.4, "yes": 0.4}
    assert _spend(_count(started(), lost(), judged())[1]) == {"unknown": 0.4}


def test_a_late_operation_is_discarded_and_a_replay_does_not_pay_it_again() -> None:
    ending = (started(), lost(), judged(), late())
    job, sums = _count(*ending)
    assert _spend(sums) == {"unknown": 0.4, "discarded": 0.4}
    assert sums["reelbus.clips late"] == 1
    job, again = _count(*ending, replayed(), done(), stored())
    assert _spend(again) == _spend(sums)
    assert job.cost_usd == PRICE


def test_a_late_file_is_done_once_a_replay_uses_it() -> None:
    found = late("work/job-1/0/1/sample_0.mp4", nonce="")
    job, sums = _count(started(), lost(), judged(), found, replayed())
    assert job.clips[0].state is ClipState.DONE
    assert (sums["reelbus.clips late"], sums["reelbus.clips done"]) == (1, 1)
    assert _spend(sums) == {"unknown": 0.4, "discarded": 0.4}


def test_a_cancelled_job_that_is_replayed_is_not_spent_twice() -> None:
    job, sums = _count(started(), accepted(), wished(), replayed(), done(), stored())
    assert _spend(sums) == {"yes": 0.4} == {"yes": float(job.cost_usd)}
    assert sums["reelbus.jobs"] == 2


def test_what_a_person_finds_out_of_a_doubt_is_taken_back() -> None:
    _, sums = _count(started(), lost(), judged(), resolved(charged=False))
    assert (_spend(sums), _reversed(sums)) == ({"unknown": 0.4}, {"unknown": 0.4})
    _, sums = _count(started(), lost(), judged(), resolved(charged=True))
    assert (_spend(sums), _reversed(sums)) == ({"unknown": 0.4, "yes": 0.4}, {"unknown": 0.4})


def test_a_replayed_operation_that_fails_without_a_charge_is_taken_back() -> None:
    broke = ev.ClipFailed(at=after(1100), clip=0, failure=NO)
    job, sums = _count(started(), accepted(), wished(), replayed(), broke)
    assert (_spend(sums), _reversed(sums)) == ({"yes": 0.4}, {"yes": 0.4})
    assert job.cost_usd == 0


def test_a_call_of_the_evaluation_service_counts_when_it_has_ended() -> None:
    call = EvaluationCall(kind="evaluation", metric="m", at=after(80), price_usd=Decimal("0.03"))
    asked = (started(), accepted(), done(), stored(), ev.EvaluationCalled(at=after(80), call=call))
    assert _count(*asked)[1]["reelbus.evaluations"] == 0
    for outcome, usd in (("answered", 0.03), ("no_answer", 0.03), ("refused", 0)):
        _, sums = _count(*asked, ev.EvaluationCallEnded(at=after(90), number=0, outcome=outcome))
        assert (sums["reelbus.evaluations"], sums["reelbus.evaluation.spend"]) == (1, usd)
        assert _spend(sums) == {"yes": 0.4}


def test_a_free_clip_spends_nothing_and_is_never_in_doubt() -> None:
    free = GONE.model_copy(update={"charged": Charged.NO})
    plan = Plan(clips=tuple(it.model_copy(update={"price_usd": Decimal(0)}) for it in started().plan.clips))
    _, sums = _count(started(plan), lost(), ev.SubmitGivenUp(at=after(600), failure=free))
    assert _spend(sums) == {}
    assert sums["reelbus.clips unknown"] == 0


class Counted(Life):
    """A job under fire, whose changes are counted."""

    spent = Decimal(0)
    doubtful = Decimal(0)

    def take(self, event: ev.Step) -> bool:
        if not super().take(event):
            return False
        for name, amount, attributes in increments_of(totals_of(self.before), self.job, totals_of(self.job)):
            assert amount >= 0
            usd = {"reelbus.spend": 1, "reelbus.spend.reversed": -1}.get(name, 0) * Decimal(str(round(amount, 6)))
            if attributes.get("reelbus.charged") == "unknown":
                self.doubtful += usd
            else:
                self.spent += usd
        return True

    @invariant()
    def what_was_counted_is_the_ledgers(self) -> None:
        """Also after decisions of a person, and in the next lives of a job."""
        if self.job.ended:
            assert self.spent == self.job.cost_usd
            assert self.doubtful == sum(clip.planned.price_usd * clip.unresolved_submits for clip in self.job.clips)


TestCounted = Counted.TestCase
TestCounted.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
