"""How many jobs one key may have in the queue: a request beyond that is refused before anything of it is stored.

The key is the caller; without callers it is the project. Calls that arrive together may each find room, so that a burst
passes the limit by as many jobs as the facades admit at once.
"""

from collections import Counter
from collections.abc import Sequence

from publisher.context import PublisherContext, QueueLimit
from schemas.domain.job import queue_key_of
from schemas.errors import Invalid, Unavailable
from schemas.wire.request import VideoRequest

_ROOM = 10
"""A refused caller should come back when one in so many of its jobs has started. If it came back as soon as one job has
started, most of its calls would be refused again."""
_LATER_AT_MOST_S = 600.0


class TooManyQueued(Unavailable):
    """Too many jobs of the same caller or project are queued. No job was made."""


async def too_many_queued(
    ctx: PublisherContext, request: VideoRequest, caller: str | None = None
) -> TooManyQueued | None:
    """Return the error for a request of a key that has no room in the queue; None if it has room.

    The request names the id under which its job is stored. A request whose job exists is not refused.
    """
    limit = ctx.queue_limit
    if limit is None:
        return None
    queued = await ctx.jobs.count_queued(queue_key_of(caller, request), at_most=limit.jobs)
    if queued < limit.jobs or await ctx.jobs.get(request.job_id):
        return None
    return _refusal(limit, request, caller, leaving=max(1, limit.jobs // _ROOM))


async def too_many_queued_of_batch(
    ctx: PublisherContext, requests: Sequence[VideoRequest], caller: str | None, *, field: str = "requests"
) -> TooManyQueued | None:
    """Return the error for a batch or a film if a key has no room for all of its requests; None if each key has room.

    Raises `Invalid` for a batch with more requests of one key than can ever be queued.
    """
    limit = ctx.queue_limit
    if limit is None:
        return None
    first_of = {queue_key_of(caller, request): request for request in reversed(requests)}
    for key, size in Counter(queue_key_of(caller, request) for request in requests).items():
        if size > limit.jobs:
            words = f"{field} must have at most {limit.jobs:,} of one caller or project, not {size:,}"
            raise Invalid(f"{words}: no more may be queued", field=field)
        leaving = size + await ctx.jobs.count_queued(key, at_most=limit.jobs) - limit.jobs
        if leaving > 0:
            return _refusal(limit, first_of[key], caller, leaving=leaving)
    return None


def _refusal(limit: QueueLimit, request: VideoRequest, caller: str | None, *, leaving: int) -> TooManyQueued:
    """Return the error. The call may come again when `leaving` jobs of the key have started."""
    whose = "this caller" if caller else f"project {request.project_id}" if request.project_id else "no project"
    # The time in which so many of the key's jobs start, if no other key has jobs.
    retry_after_s = leaving * 60 / limit.starts_per_minute
    return TooManyQueued(
        f"queued jobs of {whose} are limited to {limit.jobs:,}; no job was made, send the request again later",
        retry_after_s=min(retry_after_s, _LATER_AT_MOST_S),
    )
