"""What a caller may do: its name, and the scopes of its key. A facade without keys lets every caller do everything.

A caller sees its own jobs. An operator, whose key has the scope `operate`, sees the jobs of all callers by their stored
ids, and may do what concerns all of them: dead letters, decisions about doubtful submits, erasing.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from publisher.context import PublisherContext, find, view, with_checks
from schemas.domain.job import Job
from schemas.domain.projections import JobView
from schemas.errors import NotFound, ReelbusError
from schemas.wire.caller_names import to_stored_id

Scope = Literal["submit", "read", "operate"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
USUAL_SCOPES: tuple[Scope, ...] = ("submit", "read")
"""The scopes of a key that names none, as all keys before there were scopes."""


class Forbidden(ReelbusError):
    """This caller may not do this"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """A caller, and what it may do. Without arguments: the caller of a facade without keys."""

    caller: str | None = None
    """The name that its jobs are stored with."""
    scopes: frozenset[Scope] = frozenset(SCOPES)

    @property
    def is_operator(self) -> bool:
        """True if it may see and change the jobs of all callers."""
        return "operate" in self.scopes

    @property
    def jobs_of(self) -> str | None:
        """The caller whose jobs it sees; None if it sees all jobs."""
        return None if self.is_operator else self.caller

    def check(self, *scopes: Scope) -> None:
        """Raise `Forbidden` if the key has none of these scopes."""
        if not self.scopes.intersection(scopes):
            raise Forbidden(f"This key may not do this: it needs the scope {' or '.join(scopes)}")


async def find_for(ctx: PublisherContext, access: Access, job_id: str) -> Job:
    """Return the record of a job that this caller may see, by its own id or by the stored one. Raises `NotFound`."""
    if access.caller is None or not access.is_operator:
        return await find(ctx, job_id, caller=access.jobs_of)
    for stored in dict.fromkeys((to_stored_id(access.caller, job_id), job_id)):
        if job := await ctx.jobs.get(stored):
            return job
    raise NotFound(f"there is no job {job_id}")


async def view_for(ctx: PublisherContext, access: Access, job: Job) -> JobView:
    """Return the job as this caller sees it: an operator by its stored id."""
    return await view(ctx, job, caller=access.jobs_of)


async def page_for(ctx: PublisherContext, access: Access, job: Job) -> JobView:
    """Return the job as this caller sees it on a page of its own: with the checks of its video."""
    return await with_checks(ctx, job, await view_for(ctx, access, job))
