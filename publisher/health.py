"""How the deployment is: jobs by state, what waits, the workers and their pace with each model."""

from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from publisher.context import PublisherContext
from schemas.domain.states import JobState
from schemas.ports import BATCH_WORKERS, DEAD_WORKERS, WORKERS, WorkerBeat
from schemas.wire.types import Moment

COUNTED_AT_MOST = 10_000
_SEEN_WITHIN = timedelta(minutes=15)
"""A worker that was not seen for so long has ended: it beats once a minute."""
_LETTERS_AT_MOST = 1000


class ModelPace(BaseModel):
    """How fast one worker submits to one model."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    per_minute: float
    quota_per_minute: float = Field(description="The worker's share of the quota.")
    waiting: int = Field(description="Submits that wait for their turn.")
    refused_s_ago: float | None = Field(description="Seconds since the quota was used up; null if it never was.")


class WorkerView(BaseModel):
    """One worker, as its last heartbeat describes it. A worker of the release before describes nothing."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    owner: str
    seen_at: Moment
    slots: int | None = Field(default=None, description="How many jobs it runs at once.")
    running: int | None = Field(default=None, description="Jobs that run or wait for a slot.")
    held: dict[str, int] | None = Field(default=None, description="Messages that it holds, by lane.")
    models: tuple[ModelPace, ...] = ()


class BacklogView(BaseModel):
    """The messages of one subscription that are not settled."""

    model_config = ConfigDict(frozen=True)

    subscription: str
    messages: int
    oldest_at: Moment | None


class Health(BaseModel):
    """Counts stop at 10,000, those of dead letters at 1,000."""

    model_config = ConfigDict(frozen=True)

    as_of: Moment
    counts: dict[JobState, int]
    oldest_queued_at: Moment | None
    dead_letters: int | None = Field(description="Null where a look would hide them from other readers, as on Pub/Sub.")
    backlog: list[BacklogView] | None = Field(description="Null if the bus can't count its messages, as Pub/Sub.")
    workers: list[WorkerView] = Field(
        description="Seen within 15 minutes, the latest first; they report once a minute."
    )
    notice: str | None = Field(description="That no worker has been seen, if so.")


async def look_at_health(ctx: PublisherContext) -> Health:
    """Return the numbers of now. Raises `Unavailable`."""
    statistics = ctx.statistics
    silence = await ctx.workers.silence() if ctx.workers else None
    counts, oldest, backlog, beats = dict[JobState, int](), None, list[BacklogView](), list[WorkerBeat]()
    if statistics:
        counts = {state: await statistics.count(state, at_most=COUNTED_AT_MOST) for state in JobState}
        oldest = next((job.created_at for job in await statistics.oldest(JobState.QUEUED, limit=1)), None)
        beats = [beat for beat in await statistics.beats() if beat.read_at - beat.at <= _SEEN_WITHIN]
        for subscription in (WORKERS, BATCH_WORKERS, DEAD_WORKERS):
            if found := await statistics.backlog(subscription.name):
                name, messages, oldest_at = subscription.name, found.messages, found.oldest_at
                backlog.append(BacklogView(subscription=name, messages=messages, oldest_at=oldest_at))
    return Health(
        as_of=ctx.clock.now(),
        counts=counts,
        oldest_queued_at=oldest,
        dead_letters=await _count_dead_letters(ctx),
        backlog=backlog or None,
        workers=[_to_view(beat) for beat in beats],
        notice=silence.words if silence and not silence.is_fresh else None,
    )


async def _count_dead_letters(ctx: PublisherContext) -> int | None:
    if ctx.bus.dead_letter_reads_are_exclusive:
        return None
    return len(await ctx.bus.dead_letters(limit=_LETTERS_AT_MOST))


def _to_view(beat: WorkerBeat) -> WorkerView:
    known: dict[str, Any] = {"owner": beat.owner, "seen_at": beat.at}
    try:
        return WorkerView.model_validate({**beat.report, **known})
    except ValidationError:  # a later version describes itself in other words
        return WorkerView(**known)
