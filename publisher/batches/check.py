"""What a batch would cost, and why it would be refused. Nothing is written."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from publisher.batches.request import Batch, name_request
from publisher.caps import read_caps
from publisher.context import PublisherContext
from publisher.queue_limit import too_many_queued_of_batch
from publisher.refusals import OverBudget, OverMaxCost, Refusal
from publisher.webhooks import check_webhook
from schemas.domain.clip import Plan
from schemas.errors import Invalid
from schemas.services.reference_images import ImageOwner, StagedImage, check_stored, stage_image
from schemas.wire.caller_names import to_stored_id
from schemas.wire.request import VideoRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedItem:
    """One request of a batch: its image is checked and not stored yet, and it has the id under which it is stored."""

    staged: StagedImage
    plan: Plan

    @property
    def request(self) -> VideoRequest:
        """The request."""
        return self.staged.request

    @property
    def price_usd(self) -> Decimal:
        """What the request costs by its plan."""
        return self.plan.price_usd


async def plan_items(ctx: PublisherContext, batch: Batch, caller: str | None) -> list[PlannedItem]:
    """Check and plan each request. Raises `Invalid` with the place of the request, and `Unavailable`."""
    owner = ImageOwner(caller, ctx.jobs) if caller is not None else None
    items = list[PlannedItem]()
    for index, asked in enumerate(batch.requests):
        request = asked.model_copy(update={"job_id": to_stored_id(caller, asked.job_id)})
        try:
            staged = await stage_image(request, ctx.videos, owner=owner)
            await check_stored(staged, ctx.videos)
            if request.webhook:
                check_webhook(ctx, request.webhook)
            plan = await asyncio.to_thread(ctx.planner, staged.request)
        except Invalid as error:
            raise name_request(index, error) from error
        items.append(PlannedItem(staged=staged, plan=plan))
    return items


async def find_refusal(
    ctx: PublisherContext, batch: Batch, items: Sequence[PlannedItem], caller: str | None
) -> Refusal | None:
    """Return why a batch of valid requests would be refused now; None if it would be ordered. Raises `Invalid`."""
    for index, item in enumerate(items):
        if not item.request.allows(item.price_usd):
            words = f"requests.{index} costs ${item.price_usd:.2f}, which is more than its max_cost_usd"
            return OverMaxCost(f"{words} (${item.request.max_cost_usd:.2f})", field=f"requests.{index}.max_cost_usd")
    total = total_usd(items)
    if batch.max_cost_usd is not None and total > batch.max_cost_usd:
        words = f"The batch costs ${total:.2f}, which is more than max_cost_usd (${batch.max_cost_usd:.2f})"
        return OverMaxCost(words, field="max_cost_usd")
    return await _over_budget(ctx, items) or await too_many_queued_of_batch(
        ctx, [item.request for item in items], caller
    )


async def _over_budget(ctx: PublisherContext, items: Sequence[PlannedItem]) -> OverBudget | None:
    """Return the error if a budget lacks room for all requests that it covers.

    Jobs that are queued already reserve nothing, so that two batches may each find room. The workers keep the budgets.
    """
    for limit, cap in zip(ctx.limits, await read_caps(ctx), strict=False):
        wanted = total_usd([item for item in items if limit.covers(item.request)])
        if wanted > cap.left_usd:
            words = f"A budget has no room for the whole batch (${wanted:.2f}) now"
            return OverBudget(f"{words}; it opens again at {cap.opens_again:%Y-%m-%d} UTC")
    return None


def total_usd(items: Sequence[PlannedItem]) -> Decimal:
    """Return the sum of the planned prices."""
    return sum((item.price_usd for item in items), Decimal(0))
