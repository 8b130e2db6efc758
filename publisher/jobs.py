"""List jobs, and cancel a job. A cancelled job costs nothing before a submit; what a model accepted stays charged."""

import logging
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from publisher.context import PublisherContext, find, outline
from publisher.paging import check_limit
from schemas.domain.events import Announced, CancelRequested
from schemas.domain.job import Job
from schemas.domain.projections import JobView, completion_of
from schemas.domain.search_terms import label_term, terms_for
from schemas.domain.states import JobState
from schemas.errors import Invalid, ReelbusError, Unavailable
from schemas.ports import COMPLETIONS, REQUESTS, JobQuery
from schemas.services.update import update_job
from schemas.wire.message import encode_cancel, encode_completion
from schemas.wire.request import CancelRequest
from schemas.wire.validation import add_length, to_invalid

logger = logging.getLogger(__name__)

_LONGEST = {"q": 192, "label": 128, "model": 100, "jobs_of": 320}
"""The most characters of a condition: a longer one would find nothing."""


class Listing(BaseModel):
    """One page of jobs."""

    model_config = ConfigDict(frozen=True)

    videos: list[JobView]
    next_cursor: str | None = Field(default=None, description="The `cursor` of the next page; null on the last page.")


@dataclass(frozen=True, kw_only=True, slots=True)
class JobFilter:
    """Which jobs to list, and which page of them. All conditions hold together."""

    state: str | None = None
    project_id: str | None = None
    model: str | None = None
    label: str | None = None
    """`key=value`; not together with `q`."""
    q: str | None = None
    """One word that finds a job by its id, a label, its project, its model or its state."""
    jobs_of: str | None = None
    """Only jobs of this caller; only an operator can ask for it."""
    limit: int = 50
    cursor: str | None = None


async def list_jobs(ctx: PublisherContext, wanted: JobFilter, *, caller: str | None = None) -> Listing:
    """Return a page of the jobs that match; for a `caller` only its own jobs, by its own ids.

    An operator names no `caller`, and sees stored ids. Raises `Invalid` for a bad condition, cursor or limit. A page
    may have fewer jobs than its limit, though a next one exists.
    """
    query = _query_of(wanted, caller)
    if query is None:
        return Listing(videos=[])
    page = await ctx.jobs.list(query)
    return Listing(videos=[await outline(ctx, job, caller=caller) for job in page.jobs], next_cursor=page.cursor)


def _query_of(wanted: JobFilter, caller: str | None) -> JobQuery | None:
    """Return the query of the store; None if no job can match."""
    check_limit(wanted.limit)
    for name, most in _LONGEST.items():
        given = getattr(wanted, name)
        if given is not None and (not 1 <= len(given) <= most or not given.isprintable()):
            shown = "caller" if name == "jobs_of" else name
            words = add_length(f"must have 1 to {most} characters that can be printed", given)
            raise Invalid(f"{shown} {words}", field=shown)
    states, terms = _parse_state(wanted.state), _parse_label(wanted)
    if wanted.q is not None:
        word = wanted.q.strip()
        named = frozenset(state for state in JobState if state.value == word.lower())
        if named and states and named != states:
            return None
        states, terms = (named, terms) if named else (states, terms_for(word))
    return JobQuery(
        states=states,
        project_id=wanted.project_id,
        model=wanted.model,
        terms=terms,
        caller=caller or wanted.jobs_of,
        cursor=wanted.cursor,
        limit=wanted.limit,
    )


def _parse_state(state: str | None) -> frozenset[JobState]:
    try:
        return frozenset() if state is None else frozenset({JobState(state)})
    except ValueError:
        raise Invalid(f"state must be one of {', '.join(JobState)}", field="state") from None


def _parse_label(wanted: JobFilter) -> frozenset[str]:
    if wanted.label is None:
        return frozenset()
    if wanted.q is not None:
        raise Invalid("q and label can't be combined: give the label as q", field="q")
    if "=" not in wanted.label:
        raise Invalid("label must be given as key=value", field="label")
    return frozenset({label_term(wanted.label)})


async def cancel(
    ctx: PublisherContext,
    job_id: str,
    *,
    reason: str | None = None,
    traceparent: str | None = None,
    caller: str | None = None,
) -> Job:
    """Cancel the job and return it, or mark it if a submit is under way. A job that has ended stays unchanged.

    Raises `NotFound` (for a `caller` also if the job belongs to another caller), `Invalid` for a reason that is too
    long, and `Unavailable`.
    """

    def decide(newest: Job) -> CancelRequested | None:
        return None if newest.ended else CancelRequested(at=ctx.clock.now(), reason=reason, held=False)

    job = await find(ctx, job_id, caller=caller)
    if job.ended:
        return job
    try:
        request = CancelRequest(job_id=job.job_id, reason=reason)
    except ValidationError as error:
        raise to_invalid(error) from error
    job = await update_job(ctx.jobs, job.job_id, decide)
    if job.completion_due:
        job = await announce(ctx, job, traceparent)
    try:
        message = encode_cancel(request, at=ctx.clock.now(), life=job.life, traceparent=traceparent)
        await ctx.bus.publish(REQUESTS, message)
    except Unavailable:  # the record holds the request, so a lost message to the worker only costs time
        logger.warning("cancel was not sent", extra={"action": "cancel_unsent", "job_id": job.job_id})
    logger.info("job cancelled", extra={"action": "job_cancelled", "job_id": job.job_id, "state": job.state})
    return job


async def announce(ctx: PublisherContext, job: Job, traceparent: str | None) -> Job:
    """Publish the completion of a job that ended without a video, and return the job.

    This is best effort: if it fails, `completion_due` stays set and `reconcile` publishes the completion.
    """
    now = ctx.clock.now()
    completion = completion_of(job, video_url=None)
    message = encode_completion(completion, at=now, traceparent=traceparent, caller=job.caller)
    try:
        await ctx.bus.publish(COMPLETIONS, message)
        return await update_job(
            ctx.jobs, job.job_id, lambda newest: Announced(at=now) if newest.life == job.life else None
        )
    except ReelbusError:
        logger.warning("completion is left to reconcile", extra={"action": "cancel_unannounced", "job_id": job.job_id})
        return job
