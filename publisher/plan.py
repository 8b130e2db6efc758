"""Plan a video without making it: its clips, its price, its time, and what would refuse it. Nothing is written.

The checks are those of a generate call, in the same order. What the worker would refuse is in `refusal`, with the plan
beside it: a person who sees the price can change the request.
"""

import asyncio
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from publisher.access import Access
from publisher.caps import Cap, read_caps
from publisher.context import PublisherContext, place_of
from publisher.queue_limit import too_many_queued
from publisher.refusals import OverBudget, OverMaxCost, Refusal, to_failure
from publisher.submit import check_same_request
from schemas.domain.clip import Plan, PlannedClip
from schemas.errors import Failure
from schemas.services.reference_images import ImageOwner, check_stored, stage_image
from schemas.wire.caller_names import to_shown_id
from schemas.wire.request import VideoRequest
from schemas.wire.types import Usd


class PlanTotals(BaseModel):
    """A plan with its sums. Only clips of paid models cost something."""

    model_config = ConfigDict(frozen=True)

    clips: tuple[PlannedClip, ...]
    billed_seconds: float
    price_usd: Usd
    duration_seconds: int = Field(description="The length of the video.")
    cut_seconds: float = Field(description="What is made beyond that length, and cut off.")
    expected_s: float = Field(description="How long the models usually take, one clip after the other.")


class VideoPlan(PlanTotals):
    """What a generate call with this body would make."""

    model: str
    prompt: str = Field(description="Built from the scene if the request has none.")
    warnings: tuple[str, ...] = Field(description="What the caller should know about the models before it pays.")
    budgets: tuple[Cap, ...] = Field(
        description="The limits of spending that cover it; only for an operator, since others share them."
    )
    budget_left_usd: Usd | None = Field(description="The least that is left of them; null without budgets.")
    refusal: Failure | None = Field(description="Why it would not be made now, although the request is valid.")
    video_id: str | None = Field(
        description="The job that exists for this id: the call would return it, and pay nothing."
    )
    notice: str | None = Field(description="What keeps jobs from being made now, for example that no worker runs.")


def show_seconds(seconds: float) -> str:
    """Return a length for people, to the millisecond: `5 s`, `12.5 s`. It is the same in the console and on a shell."""
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + " s"


def add_up(plan: Plan, duration_seconds: int) -> PlanTotals:
    """Return the plan with its sums."""
    return PlanTotals(
        clips=plan.clips,
        billed_seconds=sum(clip.billed_seconds for clip in plan.clips),
        price_usd=plan.price_usd,
        duration_seconds=duration_seconds,
        cut_seconds=sum(clip.seconds for clip in plan.clips) - duration_seconds,
        expected_s=sum(clip.expected_s for clip in plan.clips),
    )


async def plan_video(
    ctx: PublisherContext, request: VideoRequest, access: Access, *, names_job: bool = False
) -> VideoPlan:
    """Return the plan of a request. With `names_job` the caller chose the id of the request.

    Raises `Invalid` for a video that can't be made, `IdReused`, `Gone` and `Unavailable`, as a generate call does.
    """
    caller = access.caller
    if names_job and caller is not None:
        request = request.model_copy(update={"job_id": await place_of(ctx, request.job_id, caller)})
    staged = await stage_image(request, ctx.videos, owner=ImageOwner(caller, ctx.jobs) if caller is not None else None)
    await check_stored(staged, ctx.videos)
    known = await ctx.jobs.get(staged.request.job_id) if names_job else None
    if known:
        check_same_request(staged, known, caller)
    plan = await asyncio.to_thread(ctx.planner, staged.request)
    caps = await read_caps(ctx, request)
    shown = caps if access.is_operator else []
    silence = await ctx.workers.silence() if ctx.workers else None
    return VideoPlan(
        **dict(add_up(plan, request.duration_seconds)),
        model=plan.clips[0].model,
        prompt=request.prompt,
        warnings=plan.warnings,
        budgets=tuple(shown),
        budget_left_usd=min((cap.left_usd for cap in shown), default=None),
        refusal=None if known else to_failure(await _find_refusal(ctx, staged.request, caller, plan, caps)),
        video_id=to_shown_id(access.jobs_of, known.job_id) if known else None,
        notice=silence.words if silence and not silence.is_fresh else None,
    )


async def _find_refusal(
    ctx: PublisherContext, request: VideoRequest, caller: str | None, plan: Plan, caps: Sequence[Cap]
) -> Refusal | None:
    """Return why a worker would not send the first clip now, or why the facade would not take the request in."""
    if not request.allows(plan.price_usd):
        words = f"The video costs ${plan.price_usd:.2f}, which is more than max_cost_usd (${request.max_cost_usd:.2f})"
        return OverMaxCost(words, field="max_cost_usd")
    price = plan.clips[0].price_usd
    full = [cap for cap in caps if price > cap.left_usd]
    if full:
        opens_again = max(cap.opens_again for cap in full)
        words = (
            f"A budget has no room for the first clip (${price:.2f}) now; it opens again at {opens_again:%Y-%m-%d} UTC"
        )
        return OverBudget(words)
    return await too_many_queued(ctx, request, caller)
