"""What is known about the clips of a job whose charge nobody knows: for a person who has to judge."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from publisher.desk import Desk
from schemas.failure import Charged
from schemas.job import Job
from schemas.kinds import Moment, Usd
from schemas.ledger import Clip
from schemas.state import ClipState, JobState

LOG_ACTIONS = ("submit_unknown", "submit_unknown_failed", "generation_lost", "accepted_late", "found_late")
"""What a worker says about such clips; `docs/operations.md` has the whole list."""


class Attempt(BaseModel):
    """Where one attempt's files go, and what lies there now."""

    model_config = ConfigDict(frozen=True)

    prefix: str
    files: tuple[str, ...]

    @property
    def film(self) -> str | None:
        """The finished film among them."""
        return next((name for name in self.files if name.endswith(".mp4")), None)


class Doubt(BaseModel):
    """One clip in doubt."""

    model_config = ConfigDict(frozen=True)

    clip: int
    state: ClipState
    model: str
    price_usd: Usd
    charged: Charged
    attempt: int
    sent_at: Moment | None
    sent_by: str | None
    nonce: str | None
    operation: str | None
    cause: str | None
    present: Attempt | None = Field(description="The attempt in doubt; null where only earlier ones are.")
    lost: tuple[Attempt, ...] = Field(description="Earlier attempts whose outcome was never learnt.")
    late: tuple[str, ...] = Field(description="Operations that turned up late: charged already.")


class Evidence(BaseModel):
    """A job and its clips in doubt."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    state: JobState
    life: int
    charged: Charged
    cost_usd: Usd
    doubts: tuple[Doubt, ...]
    log: str = Field(description="What to look for in the workers' logs.")


async def gather(desk: Desk, job: Job) -> Evidence:
    """The evidence as of now, the store's listing included. Raises `Unavailable`."""
    return Evidence(
        job_id=job.job_id,
        state=job.state,
        life=job.life,
        charged=job.charged,
        cost_usd=job.cost_usd,
        doubts=tuple([await _doubt(desk, clip) for clip in doubtful(job)]),
        log=f"job_id {job.job_id} with action {', '.join(LOG_ACTIONS)}",
    )


def doubtful(job: Job) -> list[Clip]:
    """Its clips in doubt. A lost attempt of a job that goes on is none: the job's own end judges it."""
    return [clip for clip in job.clips if clip.in_doubt or (job.ended and clip.watched_prefixes)]


def sent_since(job: Job, clip: Clip, now: datetime) -> float:
    """Seconds since the clip was sent, by the store's clock where that is known."""
    return ((job.read_at or now) - (clip.submitting_at or job.created_at)).total_seconds()


async def _doubt(desk: Desk, clip: Clip) -> Doubt:
    return Doubt(
        clip=clip.index,
        state=clip.state,
        model=clip.planned.model,
        price_usd=clip.planned.price_usd,
        charged=clip.charged,
        attempt=clip.attempt,
        sent_at=clip.submitting_at,
        sent_by=clip.owner,
        nonce=clip.nonce,
        operation=clip.operation,
        cause=f"{clip.cause.code}: {clip.cause.message}" if clip.cause else None,
        present=await _attempt(desk, clip.prefix) if clip.in_doubt and clip.prefix else None,
        lost=tuple([await _attempt(desk, prefix) for prefix in clip.lost_prefixes]),
        late=clip.late,
    )


async def _attempt(desk: Desk, prefix: str) -> Attempt:
    return Attempt(prefix=prefix, files=tuple(file.name for file in await desk.videos.list(prefix)))
