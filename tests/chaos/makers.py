"""The facts of a small run in which all went well, for tests that spoil them."""

from dataclasses import replace
from typing import Any

from schemas.domain import events as ev
from schemas.domain.job import Job
from tests.chaos.facts import Facts, Paid, Told
from tests.chaos.orders import Door, Order
from tests.unit import makers as make

JOB = "job-1"
PREFIX = f"work/{JOB}/0/1/"
PAID = Paid(name="op-1", prefix=PREFIX, charged=True)
TOLD = Told(event_id=f"{JOB}.1.succeeded", job_id=JOB, life=1, state="succeeded")
SUCCEEDED = make.played(make.started(), make.accepted(), make.done(), make.stored())
RESULT = make.RESULT


def an_order(**fields: Any) -> Order:
    return Order(request=make.a_request(duration_seconds=5, **fields), door=Door.BUS, at_s=0)


def the_facts(job: Job | None = SUCCEEDED, **changes: Any) -> Facts:
    """One job, one clip, one film."""
    facts = Facts(
        orders=(an_order(),),
        jobs={job.job_id: job} if job else {},
        paid=(PAID,),
        told=(TOLD,),
        answers=(),
        finals={RESULT.gcs_path: RESULT.duration_seconds},
        posters=frozenset({RESULT.poster_path or ""}),
        work=frozenset({f"{PREFIX}123/sample_0.mp4"}),
    )
    return replace(facts, **changes)


def ended_badly(*events: ev.Step) -> Facts:
    """The same, but without a film, and everybody told so."""
    job = make.played(*events)
    told = Told(event_id=f"{JOB}.1.{job.state}", job_id=JOB, life=1, state=job.state)
    return the_facts(job, told=(told,), finals={}, posters=frozenset())
