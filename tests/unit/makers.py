"""Small makers for the tests of the kernel: requests, plans and jobs that have come a certain way."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from schemas.domain import events as ev
from schemas.domain.clip import Plan, PlannedClip
from schemas.domain.job import Job, Result, new_job
from schemas.domain.state_machine import advance
from schemas.errors import Category, Charged, Failure
from schemas.wire.request import VideoRequest

AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
PRICE = Decimal("0.40")
RESULT = Result(
    gcs_path="generated-videos/video_20260131_120000_job-1.mp4",
    poster_path="posters/video_20260131_120000_job-1.jpg",
    width=1280,
    height=720,
    duration_seconds=5.0,
    size_bytes=1_234_567,
)
NO = Failure(
    category=Category.SAFETY_FILTER, code="safety_filter", message="The model refused the prompt.", charged=Charged.NO
)
BUSY = Failure(
    category=Category.QUOTA, code="quota", message="The quota is used up.", retryable=True, charged=Charged.NO
)
GONE = Failure(
    category=Category.UPSTREAM,
    code="submit_unknown",
    message="Nobody can tell whether the model accepted it.",
    charged=Charged.UNKNOWN,
)


def after(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


def a_request(**fields: Any) -> VideoRequest:
    return VideoRequest.model_validate({"job_id": "job-1", "prompt": "A harbour at dawn", **fields})


def a_plan(*prices: Decimal, model: str = "veo-3.1-fast", extends: bool = False) -> Plan:
    """One clip for each price; without any, one that costs `PRICE`."""
    return Plan(
        clips=tuple(
            PlannedClip(
                model=model,
                seconds=4,
                billed_seconds=4,
                price_usd=price,
                expected_s=50,
                extends=extends and index > 0,
            )
            for index, price in enumerate(prices or (PRICE,))
        )
    )


def a_job(**fields: Any) -> Job:
    return new_job(a_request(**fields), AT)


def started(plan: Plan | None = None, nonce: str = "n1") -> ev.SubmitStarted:
    return ev.SubmitStarted(at=after(1), plan=plan or a_plan(), owner="worker-1", nonce=nonce)


def accepted(nonce: str = "n1", operation: str = "op-1") -> ev.SubmitAccepted:
    return ev.SubmitAccepted(at=after(2), nonce=nonce, operation=operation)


def lost(nonce: str = "n1") -> ev.SubmitOutcomeUnknown:
    return ev.SubmitOutcomeUnknown(at=after(2), nonce=nonce)


def withdrawn(nonce: str = "n1") -> ev.SubmitWithdrawn:
    return ev.SubmitWithdrawn(at=after(2), nonce=nonce, cause=BUSY, waiting_for="quota")


def late(operation: str = "op-late", clip: int = 0, nonce: str = "n1") -> ev.AcceptedLate:
    return ev.AcceptedLate(at=after(3), clip=clip, nonce=nonce, operation=operation)


def done(clip: int = 0) -> ev.ClipDone:
    return ev.ClipDone(at=after(60), clip=clip, output=f"work/job-1/{clip}/1/clip.mp4")


def stored() -> ev.Stored:
    return ev.Stored(at=after(70), result=RESULT)


def judged() -> ev.SubmitGivenUp:
    return ev.SubmitGivenUp(at=after(600), failure=GONE)


def wished(reason: str | None = None) -> ev.CancelRequested:
    return ev.CancelRequested(at=after(3), reason=reason)


def replayed(resubmit: int | None = None) -> ev.Replayed:
    return ev.Replayed(at=after(1000), deadline=after(90_000), resubmit=resubmit)


def resolved(*, charged: bool, clip: int = 0) -> ev.Resolved:
    return ev.Resolved(at=after(800), clip=clip, charged=charged)


def played(*events: ev.Step, job: Job | None = None) -> Job:
    """The job after all these events."""
    job = job or a_job()
    for event in events:
        job = advance(job, event)
    return job
