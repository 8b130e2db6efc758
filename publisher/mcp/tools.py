"""The five tools, as calls of the use cases. An agent that calls `create` again gets the job of its first call."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from publisher.access import Access, find_for, view_for
from publisher.context import PublisherContext, find
from publisher.facade.request_body import AdmissionControl
from publisher.jobs import JobFilter, cancel, list_jobs
from publisher.mcp.arguments import CancelArguments, GetArguments, ListArguments, parse_arguments, parse_request
from publisher.mcp.results import AgentListing, AgentVideo, to_agent_video
from publisher.plan import VideoPlan, plan_video
from publisher.submit import submit
from publisher.waiting import Waiters
from schemas.domain.job import Job
from schemas.domain.projections import JobView
from schemas.errors import Category, Charged, Failure, Gone, IdReused, NotFound, ReelbusError
from schemas.wire.caller_names import to_shown_id
from schemas.wire.request import VideoRequest


class Refused(ReelbusError):
    """The video would not be made; no job was made."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolHost:
    """What all calls of one process share."""

    ctx: PublisherContext
    waiters: Waiters
    admission: AdmissionControl
    max_cost_usd: Decimal
    """The highest price of a video that an agent may order."""
    local_file: Callable[[str], Path | None] = lambda name: None
    """Returns the file of a name in the video store, if the agent is on this machine."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolCall:
    """One call of a tool. Its methods have the names of the tools, and raise a `ReelbusError`."""

    host: ToolHost
    access: Access
    traceparent: str | None

    async def plan(self, arguments: Mapping[str, Any]) -> VideoPlan:
        """Return what `create` with these arguments would make, and why it would refuse."""
        self.access.check("submit")
        with await self.host.admission.acquire():
            request, _ = await self._read_request(arguments)
            return await self._plan(request)

    async def create(self, arguments: Mapping[str, Any]) -> AgentVideo:
        """Return the job of these arguments: the one that exists, or a new one. Raises `Refused` for a bad plan."""
        self.access.check("submit")
        with await self.host.admission.acquire():
            try:
                job = await self._find_or_create(arguments)
            except IdReused:  # the same call at a facade with another limit has just made the job
                job = await self._find_or_create(arguments)
        return await self._show(job)

    async def get(self, arguments: Mapping[str, Any]) -> AgentVideo:
        """Return the job, after its end or after the wait. Raises `NotFound`, `Draining` and `TooManyWaiters`."""
        self.access.check("read", "operate")
        wanted = parse_arguments(GetArguments, arguments)
        job = await find_for(self.host.ctx, self.access, wanted.video_id)
        if wanted.wait_s and not job.ended:
            await self.host.waiters.until_ended(job.job_id, wanted.wait_s)
            job = await find_for(self.host.ctx, self.access, wanted.video_id)
        return await self._show(job)

    async def cancel(self, arguments: Mapping[str, Any]) -> AgentVideo:
        """Cancel the job and return it. A job that has ended stays as it is. Raises `NotFound`."""
        self.access.check("submit", "operate")
        wanted = parse_arguments(CancelArguments, arguments)
        job = await find_for(self.host.ctx, self.access, wanted.video_id)
        job = await cancel(self.host.ctx, job.job_id, reason=wanted.reason, traceparent=self.traceparent)
        return await self._show(job)

    async def list(self, arguments: Mapping[str, Any]) -> AgentListing:
        """Return a page of jobs, the newest first."""
        self.access.check("read", "operate")
        wanted = JobFilter(**parse_arguments(ListArguments, arguments).model_dump())
        page = await list_jobs(self.host.ctx, wanted, caller=self.access.jobs_of)
        return AgentListing(videos=[self._to_agent(view) for view in page.videos], next_cursor=page.next_cursor)

    async def _find_or_create(self, arguments: Mapping[str, Any]) -> Job:
        request, is_known = await self._read_request(arguments)
        if not is_known and (refusal := (await self._plan(request)).refusal):
            raise Refused(refusal)
        return await submit(self.host.ctx, request, traceparent=self.traceparent, caller=self.access.caller)

    async def _read_request(self, arguments: Mapping[str, Any]) -> tuple[VideoRequest, bool]:
        """Return the request with the limit on its price, and whether its job exists. Raises `Invalid` and `Gone`.

        The limit goes with the request, because the worker plans again, perhaps with other prices. A repeated call gets
        the limit that its job was made with, so that both requests are the same.
        """
        caller, limit = self.access.caller, self.host.max_cost_usd
        request = await parse_request(arguments, caller)
        try:
            known = await find(self.host.ctx, request.job_id, caller=caller)
        except NotFound:
            given = request.max_cost_usd
            return request.model_copy(update={"max_cost_usd": limit if given is None else min(given, limit)}), False
        if known.erased_at:
            shown = to_shown_id(self.access.jobs_of, known.job_id)
            raise Gone(f"the video of these arguments, {shown}, was erased; another take makes another video")
        return request.model_copy(update={"max_cost_usd": known.request.max_cost_usd}), True

    async def _plan(self, request: VideoRequest) -> VideoPlan:
        """Return the plan. If the operator's limit refuses it, the refusal names that one."""
        plan = await plan_video(self.host.ctx, request, self.access, names_job=True)
        limit = self.host.max_cost_usd
        if plan.refusal is None or plan.refusal.code != "over_max_cost" or request.max_cost_usd != limit:
            return plan
        words = (
            f"The video costs ${plan.price_usd:.2f}, and an agent may order one for ${limit:.2f} at most here; "
            "the operator sets this limit as REELBUS_MCP_MAX_COST_USD"
        )
        refusal = Failure(category=Category.BUDGET, code="over_mcp_max_cost", message=words, charged=Charged.NO)
        return plan.model_copy(update={"refusal": refusal})

    async def _show(self, job: Job) -> AgentVideo:
        return self._to_agent(await view_for(self.host.ctx, self.access, job))

    def _to_agent(self, view: JobView) -> AgentVideo:
        file = self.host.local_file(view.gcs_path) if view.gcs_path and view.video_url else None
        if file is None:
            return to_agent_video(view, video_url=view.video_url, poster_url=view.poster_url)
        return to_agent_video(view, video_url=file.as_uri(), poster_url=None)
