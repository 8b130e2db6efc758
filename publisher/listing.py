"""Lists jobs, the newest first."""

from pydantic import BaseModel, ConfigDict, Field

from publisher.desk import Desk
from publisher.status import outline
from schemas.errors import Invalid
from schemas.ports import JobQuery
from schemas.state import JobState
from schemas.view import JobView

LIMIT_MAX = 200


class Listing(BaseModel):
    """One page of jobs."""

    model_config = ConfigDict(frozen=True)

    videos: list[JobView]
    next_cursor: str | None = Field(default=None, description="Give it back as `cursor`; null on the last page.")


async def list_jobs(
    desk: Desk,
    *,
    state: str | None,
    project_id: str | None,
    cursor: str | None,
    limit: int = 50,
    caller: str | None = None,
    jobs_of: str | None = None,
) -> Listing:
    """A page of jobs that fit; for a `caller` only its own, by its own ids.

    An operator names a caller with `jobs_of`, and sees stored ids. Raises `Invalid` for a bad state, cursor or limit.
    """
    if not 1 <= limit <= LIMIT_MAX:
        raise Invalid(f"limit must be a whole number from 1 to {LIMIT_MAX}", field="limit")
    query = JobQuery(states=_states(state), project_id=project_id, caller=caller or jobs_of, cursor=cursor, limit=limit)
    page = await desk.jobs.list(query)
    return Listing(videos=[await outline(desk, job, caller=caller) for job in page.jobs], next_cursor=page.cursor)


def _states(state: str | None) -> frozenset[JobState]:
    if state is None:
        return frozenset()
    try:
        return frozenset({JobState(state)})
    except ValueError:
        raise Invalid(f"state must be one of {', '.join(JobState)}", field="state") from None
