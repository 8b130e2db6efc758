"""What is left of the limits of spending. Workers keep the limits; see `schemas.domain.budget`."""

from pydantic import BaseModel, ConfigDict, Field

from publisher.context import PublisherContext
from schemas.domain.budget import Period
from schemas.wire.request import VideoRequest
from schemas.wire.types import Moment, Usd


class Cap(BaseModel):
    """One limit in its present period."""

    model_config = ConfigDict(frozen=True)

    scope: str = Field(description="all, project:ID or label:KEY=VALUE")
    period: Period
    now: str = Field(description="The present day or month in UTC, for example 2026-01-31 or 2026-01.")
    limit_usd: Usd
    used_usd: Usd = Field(description="Paid, perhaps paid, or reserved for a clip that is about to be sent.")
    left_usd: Usd
    opens_again: Moment


async def read_caps(ctx: PublisherContext, request: VideoRequest | None = None) -> list[Cap]:
    """Return the limits, or those that cover this request. Reads 16 shards for each. Raises `Unavailable`."""
    if ctx.budgets is None:
        return []
    caps, at = list[Cap](), ctx.clock.now()
    for limit in ctx.limits:
        if request is not None and not limit.covers(request):
            continue
        used = sum(shard.used for shard in await ctx.budgets.read(limit.slice_names(at)))
        caps.append(
            Cap(
                scope=limit.scope,
                period=limit.period,
                now=limit.period_at(at),
                limit_usd=limit.limit_usd,
                used_usd=used,
                left_usd=max(limit.limit_usd - used, 0),
                opens_again=limit.opens_again(at),
            )
        )
    return caps
