"""A job that has succeeded, made by the kernel as a worker would have made it step by step."""

from datetime import datetime

from schemas.domain import events as ev
from schemas.domain.clip import Plan, PlannedClip
from schemas.domain.job import Job, Result
from schemas.domain.state_machine import advance

_PLAN = Plan(clips=(PlannedClip(model="veo-3.1-fast", seconds=6, billed_seconds=6, price_usd="0.6", expected_s=60),))


def succeeded(job: Job, at: datetime) -> Job:
    """The queued job after every step of one clip, all at that moment."""
    for step in (
        ev.SubmitStarted(at=at, plan=_PLAN, owner="bench", nonce="n"),
        ev.SubmitAccepted(at=at, nonce="n", operation=f"veo:operations/{job.job_id}"),
        ev.ClipDone(at=at, clip=0, output=f"work/{job.job_id}/0/1/clip.mp4"),
        ev.Stored(at=at, result=_result(job)),
    ):
        job = advance(job, step)
    return job


def _result(job: Job) -> Result:
    return Result(
        gcs_path=job.final_name,
        poster_path=job.poster_name,
        width=1280,
        height=720,
        duration_seconds=5,
        size_bytes=1_234_567,
    )
