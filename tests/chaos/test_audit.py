"""The audit finds what it is there to find, and nothing where nothing is."""

from dataclasses import replace

import pytest

from schemas.domain import events as ev
from tests.chaos.audit import audit
from tests.chaos.facts import Answer, Facts, Paid, Told
from tests.chaos.makers import JOB, PAID, PREFIX, RESULT, TOLD, an_order, ended_badly, the_facts
from tests.chaos.table import table
from tests.unit import makers as make

AGAIN = Paid(name="op-2", prefix=f"work/{JOB}/0/2/", charged=True)
GENERATING = make.played(make.started(), make.accepted())


def found(facts: Facts) -> dict[str, list[str]]:
    return {promise: faults for promise, faults in audit(facts).items() if faults}


def test_a_run_in_which_all_went_well_has_only_zeros() -> None:
    assert found(the_facts()) == {}


def test_the_table_says_zero_for_each_promise() -> None:
    facts = the_facts(told=(TOLD, TOLD))
    lines = table(facts, audit(facts)).splitlines()
    zeros = [line for line in lines if line.startswith("=")]
    assert len(zeros) == len(audit(facts))
    assert all(line.endswith(" 0") for line in zeros)
    assert any(line.startswith("  … repeats with the same id") and line.endswith(" 1") for line in lines)


@pytest.mark.parametrize(
    ("promise", "facts"),
    [
        ("duplicate submits", the_facts(paid=(PAID, AGAIN))),
        ("duplicate submits", the_facts(paid=(PAID, replace(PAID, name="op-2")))),
        ("lost paid clips", the_facts(paid=(PAID, AGAIN))),
        ("lost paid clips", the_facts(paid=(PAID, replace(PAID, prefix="work/job-1/1/1/")))),
        ("lost paid clips", the_facts(None)),
        ("lost paid clips", the_facts(finals={})),
        ("lost paid clips", ended_badly(make.wished())),
        ("jobs not ended", the_facts(None)),
        ("jobs not ended", the_facts(GENERATING)),
        ("completions missing", the_facts(told=())),
        ("completions missing", the_facts(told=(replace(TOLD, life=2),))),
        ("completions repeated otherwise", the_facts(told=(TOLD, replace(TOLD, event_id="another")))),
        ("completions repeated otherwise", the_facts(told=(TOLD, replace(TOLD, state="failed")))),
        ("completions repeated otherwise", the_facts(told=(TOLD, Told(event_id="x", job_id="x", life=1, state="x")))),
        ("finals of a wrong length", the_facts(finals={RESULT.gcs_path: 4.9})),
        ("finals of a wrong length", the_facts(finals={})),
        ("orphan files", the_facts(finals={RESULT.gcs_path: 5.0, "generated-videos/other.mp4": 5.0})),
        ("orphan files", the_facts(posters=frozenset({"posters/other.jpg"}))),
        ("orphan files", the_facts(work=frozenset({"work/nobody/0/1/sample_0.mp4"}))),
        ("orphan files", the_facts(leftovers=("scratch/assembly-1/final.mp4",))),
        ("undocumented answers", the_facts(answers=(Answer(job_id=JOB, status=500, code="internal_error"),))),
        ("undocumented answers", the_facts(answers=(Answer(job_id=JOB, status=500, code=""),))),
        ("undocumented answers", the_facts(answers=(Answer(job_id=JOB, status=502, code="bad_gateway"),))),
        ("processes that crashed", the_facts(crashes=("worker0: ended by itself with status 1",))),
        ("unforeseen errors in the logs", the_facts(complaints=("KeyError",))),
    ],
)
def test_a_broken_promise_is_found(promise: str, facts: Facts) -> None:
    assert promise in found(facts)


@pytest.mark.parametrize(
    "facts",
    [
        ended_badly(make.started(), make.lost(), make.judged()),
        ended_badly(make.started(), make.accepted(), make.wished()),
        ended_badly(make.started(), make.withdrawn(), make.wished(), make.late()),
    ],
)
def test_what_the_record_knows_of_is_not_lost(facts: Facts) -> None:
    assert found(facts) == {}


def test_a_clip_that_was_given_up_for_want_of_capacity_is_sent_again_and_paid_once() -> None:
    assert found(the_facts(paid=(PAID, replace(AGAIN, charged=False)))) == {}


def test_a_caller_may_choose_to_pay_twice_but_not_for_one_attempt() -> None:
    careless = (an_order(on_unknown_submit="resubmit"),)
    sent_again = (ev.Resubmit(at=make.after(30), clip=0), make.started(nonce="n2"), make.accepted("n2"))
    done = ev.ClipDone(at=make.after(60), clip=0, output=f"{AGAIN.prefix}x.mp4")
    again = make.played(make.started(), make.lost(), *sent_again, done, make.stored())
    assert found(the_facts(again, orders=careless, paid=(PAID, AGAIN))) == {}
    twice = the_facts(again, orders=careless, paid=(PAID, replace(PAID, name="op-9"), AGAIN))
    assert found(twice) == {"duplicate submits": [f"{PREFIX}: one attempt was accepted 2 times"]}


def test_documented_answers_are_fine() -> None:
    documented = [(200, ""), (202, ""), (404, "not_found"), (503, "unavailable"), (504, "wait_over")]
    documented.append((500, "submit_unknown"))
    answers = tuple(Answer(job_id=JOB, status=status, code=code) for status, code in documented)
    assert found(the_facts(answers=answers)) == {}
