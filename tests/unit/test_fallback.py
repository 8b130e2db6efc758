"""A fallback stays in the record from submit to end, in a field that every version knows, and says nothing of money."""

import json

import pytest

from schemas.domain import events as ev
from schemas.domain.clip import Plan
from schemas.domain.fallback import fallback_attributes, fallback_cause, fallback_of
from schemas.domain.job import Job
from schemas.domain.projections import view_of
from schemas.domain.state_machine import advance
from schemas.domain.states import ClipState, JobState
from schemas.domain.tombstone import tombstone_of
from schemas.errors import DELIVERED_AS_IT_CAME, Category, Charged, Failure
from tests.unit.makers import NO, PRICE, RESULT, a_job, a_plan, accepted, after, late, lost, started, withdrawn

WHY = "veo-3.1-fast makes the video for 0.40 USD instead of veo-3.1 for 3.20 USD. Google has switched this model off."
PLAN = a_plan(PRICE, PRICE).model_copy(update={"fallback": fallback_cause("veo-3.1", WHY)})


def done(clip: int = 0) -> ev.ClipDone:
    return ev.ClipDone(at=after(3), clip=clip, output=f"work/job-1/{clip}/1/a.mp4")


def led(*events: ev.Step, plan: Plan = PLAN) -> Job:
    job = advance(a_job(), started(plan))
    for event in events:
        job = advance(job, event)
    return job


@pytest.mark.parametrize(
    "job",
    [
        led(),
        led(accepted()),
        led(accepted(), done()),
        led(lost()),
        led(lost(), ev.FoundUnderPrefix(at=after(3), clip=0, output="work/job-1/0/1/a.mp4")),
        led(lost(), late()),
        led(accepted(), done(), started(a_plan(PRICE, PRICE), "n2"), accepted("n2", "op-2"), done(1)),
        led(lost(), ev.Resubmit(at=after(3), clip=0), started(a_plan(PRICE, PRICE), "n2"), accepted("n2", "op-2")),
    ],
    ids=["submitting", "accepted", "done", "unknown", "found", "late", "to the end", "sent again"],
)
def test_it_stays(job: Job) -> None:
    told = fallback_of(Job.model_validate_json(job.model_dump_json()))
    assert told
    assert (told.asked_for, told.made_by, told.why, told.price_usd) == ("veo-3.1", "veo-3.1-fast", WHY, 2 * PRICE)


@pytest.mark.parametrize("events", [(), (accepted(),), (lost(),), (accepted(), done())])
def test_it_changes_nothing_about_the_money(events: tuple[ev.Step, ...]) -> None:
    job, plain = led(*events), led(*events, plan=a_plan(PRICE, PRICE))
    assert (job.charged, job.cost_usd, job.unused_reservations, job.has_unresolved_charges) == (
        plain.charged,
        plain.cost_usd,
        plain.unused_reservations,
        plain.has_unresolved_charges,
    )


def test_a_refusal_takes_its_place_and_so_does_a_new_plan() -> None:
    refused = led(ev.SubmitDenied(at=after(2), nonce="n1", failure=NO))
    assert refused.clips[0].cause == NO
    assert fallback_of(refused) is None
    again = led(withdrawn(), started(a_plan(PRICE, PRICE, model="veo-3.1"), "n2"))
    assert fallback_of(again) is None


def test_the_record_has_no_new_key() -> None:
    """The release before refuses keys that it does not know."""
    plain = led(accepted(), plan=a_plan(PRICE, PRICE))
    with_cause = json.loads(led(accepted()).model_dump_json())
    assert with_cause.keys() == json.loads(plain.model_dump_json()).keys()
    assert with_cause["clips"][0].keys() == json.loads(plain.model_dump_json())["clips"][0].keys()
    assert set(with_cause["clips"][0]["cause"]) == {"category", "code", "message", "retryable", "charged", "field"}
    assert set(json.loads(PLAN.model_dump_json())) == {"clips"}


def test_view_and_message_tell_it_and_a_tombstone_does_not() -> None:
    job = led(accepted(), done(), started(a_plan(PRICE, PRICE), "n2"), accepted("n2", "op-2"), done(1))
    job = advance(job, ev.Stored(at=after(9), result=RESULT))
    assert job.state is JobState.SUCCEEDED
    assert view_of(job).fallback == fallback_of(job)
    assert fallback_attributes(job) == {
        "fallback_asked_for": "veo-3.1",
        "fallback_made_by": "veo-3.1-fast",
        "fallback_why": WHY,
        "fallback_price_usd": "0.80",
    }
    erased = tombstone_of(job, after(10))
    assert (fallback_of(erased), fallback_attributes(erased)) == (None, {})
    assert erased.clips[0].state is ClipState.DONE


def test_an_attribute_fits_into_a_message() -> None:
    long = a_plan(PRICE).model_copy(update={"fallback": fallback_cause("veo-3.1", "ä" * 2000)})
    assert len(fallback_attributes(led(plan=long))["fallback_why"].encode()) == 1024


def test_a_defect_of_the_video_and_a_fallback_are_both_told() -> None:
    defect = Failure(
        category=Category.UPSTREAM, code=DELIVERED_AS_IT_CAME, message="It is too short.", charged=Charged.NO
    )
    plan = a_plan(PRICE).model_copy(update={"fallback": fallback_cause("veo-3.1", WHY)})
    job = advance(led(accepted(), done(), plan=plan), ev.Stored(at=after(9), result=RESULT, defect=defect))
    assert view_of(job).defect == "It is too short."
    told = fallback_of(job)
    assert told
    assert (told.asked_for, told.why) == ("veo-3.1", WHY)
    plain = advance(led(accepted(), done(), plan=a_plan(PRICE)), ev.Stored(at=after(9), result=RESULT, defect=defect))
    assert (view_of(plain).defect, fallback_of(plain)) == ("It is too short.", None)
