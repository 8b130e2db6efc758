"""What an operator has to look at: dead letters, doubtful submits, late clips, jobs that wait for long, and films.

Each list is bounded, and read from an index. Each entry names the one action that helps.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from publisher.context import PublisherContext
from publisher.dead_letters import list_dead_letters, replay_blocker
from publisher.films.listing import FilmOutline, list_troubled
from publisher.resolve import MIN_SUBMIT_AGE_S, list_unresolved_clips, submit_age_s
from schemas.domain.clip import Clip
from schemas.domain.job import Job
from schemas.domain.search_terms import DOUBT, LATE
from schemas.domain.states import ClipState, JobState
from schemas.ports import DeadLetter, JobQuery
from schemas.wire.message import job_id_of
from schemas.wire.types import Moment, Usd

SHOWN_AT_MOST = 50
_READ_AT_MOST = 200
"""Jobs with a mark that one look reads: some of them are resolved already."""
USUAL = {
    JobState.QUEUED: timedelta(minutes=15),
    JobState.SUBMITTING: timedelta(minutes=5),
    JobState.GENERATING: timedelta(minutes=15),
    JobState.STORING: timedelta(minutes=10),
}
"""How long a job may be in a state before it is shown."""


class DeadLetterView(BaseModel):
    """A message that is not delivered any more, without its body."""

    model_config = ConfigDict(frozen=True)

    id: str
    job_id: str | None
    died_at: Moment
    cause: str
    deliveries: int
    topic: str
    subscription: str


class Stuck(BaseModel):
    """A job that an operator should look at."""

    model_config = ConfigDict(frozen=True)

    video_id: str
    caller: str | None
    project_id: str | None
    state: JobState
    since: Moment
    clip: int | None
    model: str | None
    price_usd: Usd = Field(description="Of the clip, or of the whole plan.")
    why: str
    action: Literal["resolve", "replay", "cancel", "wait", "none"]


class Trouble(BaseModel):
    """The lists, each with 50 entries at most, and 50 films in each of the two states."""

    model_config = ConfigDict(frozen=True)

    as_of: Moment
    dead_letters: list[DeadLetterView]
    doubtful: list[Stuck] = Field(description="Clips of which it is unknown whether they were charged.")
    late: list[Stuck] = Field(description="Clips that were charged after their job had gone on.")
    overdue: list[Stuck] = Field(description="Jobs that are in their state for longer than usual, the oldest first.")
    films: list[FilmOutline] = Field(
        description="Films that wait for a person (`held`), the newest first, and then those that failed."
    )
    more: dict[str, bool] = Field(description="Which lists have more entries than they show.")


def to_dead_letter_view(letter: DeadLetter) -> DeadLetterView:
    """Return the letter without its body, which may have a prompt."""
    return DeadLetterView(
        id=letter.id,
        job_id=job_id_of(letter.message),
        died_at=letter.died_at,
        cause=letter.cause,
        deliveries=letter.deliveries,
        topic=letter.topic,
        subscription=letter.subscription,
    )


async def find_trouble(ctx: PublisherContext) -> Trouble:
    """Return what an operator has to look at now. Raises `Unavailable`."""
    letters = [to_dead_letter_view(letter) for letter in await list_dead_letters(ctx, limit=SHOWN_AT_MOST + 1)]
    now = ctx.clock.now()
    doubtful = [_doubt(job, clip, now) for job in await _read_marked(ctx, DOUBT) for clip in list_unresolved_clips(job)]
    late = [
        _late(job, clip)
        for job in await _read_marked(ctx, LATE)
        for clip in job.clips
        if clip.late and clip.planned.price_usd and not job.erased_at
    ]
    overdue = await _find_overdue(ctx, now)
    films, more_films = await list_troubled(ctx, limit=SHOWN_AT_MOST)
    lists: dict[str, Sequence[object]] = {
        "dead_letters": letters,
        "doubtful": doubtful,
        "late": late,
        "overdue": overdue,
    }
    return Trouble(
        as_of=now,
        dead_letters=letters[:SHOWN_AT_MOST],
        doubtful=doubtful[:SHOWN_AT_MOST],
        late=late[:SHOWN_AT_MOST],
        overdue=overdue[:SHOWN_AT_MOST],
        films=films,
        more={name: len(entries) > SHOWN_AT_MOST for name, entries in lists.items()} | {"films": more_films},
    )


async def _read_marked(ctx: PublisherContext, mark: str) -> list[Job]:
    page = await ctx.jobs.list(JobQuery(terms=frozenset({mark}), limit=_READ_AT_MOST))
    return list(page.jobs)


def _doubt(job: Job, clip: Clip, now: datetime) -> Stuck:
    is_settled = job.ended or (
        clip.state is not ClipState.SUBMITTING and submit_age_s(job, clip, now) >= MIN_SUBMIT_AGE_S
    )
    words = clip.cause.message if clip.cause else "it is unknown whether the model accepted the clip"
    return _stuck(job, clip, clip.submitting_at or job.created_at, words, "resolve" if is_settled else "wait")


def _late(job: Job, clip: Clip) -> Stuck:
    is_useful = job.ended and replay_blocker(job) is None
    words = f"accepted {len(clip.late)} time(s) after the job had gone on, and charged"
    return _stuck(job, clip, clip.submitting_at or job.created_at, words, "replay" if is_useful else "none")


async def _find_overdue(ctx: PublisherContext, now: datetime) -> list[Stuck]:
    if ctx.statistics is None:
        return []
    found = list[Stuck]()
    for state, usual in USUAL.items():
        for job in await ctx.statistics.oldest(state, limit=SHOWN_AT_MOST + 1):
            since = job.since(state) or job.created_at
            if now - since >= usual:
                words = f"waits for {job.waiting_for}" if job.waiting_for else f"{state} for longer than usual"
                found.append(_stuck(job, None, since, words, "wait" if job.cancel_requested else "cancel"))
    return sorted(found, key=lambda stuck: stuck.since)


def _stuck(
    job: Job,
    clip: Clip | None,
    since: datetime,
    why: str,
    action: Literal["resolve", "replay", "cancel", "wait", "none"],
) -> Stuck:
    planned = [clip.planned] if clip else [each.planned for each in job.clips]
    return Stuck(
        video_id=job.job_id,
        caller=job.caller,
        project_id=job.request.project_id,
        state=job.state,
        since=since,
        clip=clip.index if clip else None,
        model=planned[0].model if planned else job.request.model,
        price_usd=sum(each.price_usd for each in planned),
        why=why,
        action=action,
    )
