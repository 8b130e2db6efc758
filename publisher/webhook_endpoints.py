"""Endpoints of the settings that get no events, since their receiver answered 410 Gone: see them, and enable one again.

The events of a disabled endpoint are stored as `disabled`. They are posted if they are replayed after that.
"""

import re

from pydantic import BaseModel, ConfigDict, Field

from publisher.context import PublisherContext
from schemas.domain.delivery import WebhookDelivery
from schemas.errors import Conflict, NotFound, ReelbusError
from schemas.ports import Deliveries
from schemas.ports.findings import Finding
from schemas.wire.types import Moment
from schemas.wire.webhook_endpoints import ENDPOINT_NAME, FROM_REQUEST


class DisabledEndpointView(BaseModel):
    """An endpoint that gets no events until it is enabled again."""

    model_config = ConfigDict(frozen=True)

    name: str
    url: str = Field(description="The address that answered 410, without its query. Another address gets events.")
    disabled_at: Moment
    delivery_id: str = Field(description="The delivery whose answer was 410.")


class DisabledEndpoints(BaseModel):
    """The disabled endpoints, by their names."""

    model_config = ConfigDict(frozen=True)

    endpoints: list[DisabledEndpointView]


class EndpointEnabled(BaseModel):
    """The endpoint that gets events again."""

    model_config = ConfigDict(frozen=True)

    enabled: str


async def list_disabled(ctx: PublisherContext) -> DisabledEndpoints:
    """Return the disabled endpoints; none in a deployment without webhooks."""
    found = await ctx.deliveries.list_disabled_endpoints() if ctx.deliveries else ()
    views = [DisabledEndpointView.model_validate(endpoint, from_attributes=True) for endpoint in found]
    return DisabledEndpoints(endpoints=views)


async def enable_endpoint(ctx: PublisherContext, name: str) -> EndpointEnabled:
    """Let the endpoint have events again, from now on. Raises `NotFound` if it is not disabled."""
    is_name = re.fullmatch(ENDPOINT_NAME, name) is not None
    if ctx.deliveries is None or not is_name or not await ctx.deliveries.enable_endpoint(name):
        raise NotFound(f"there is no disabled endpoint {name[:64]}")
    return EndpointEnabled(enabled=name)


async def check_enabled(deliveries: Deliveries, delivery: WebhookDelivery) -> None:
    """Raise `Conflict` if the delivery's endpoint is disabled: a courier would not post it."""
    if delivery.endpoint == FROM_REQUEST:
        return
    if any(endpoint.covers(delivery) for endpoint in await deliveries.list_disabled_endpoints()):
        words = f"endpoint {delivery.endpoint} is disabled, since its receiver answered 410 Gone"
        raise Conflict(f"{words}; enable it first: reelbus webhooks enable {delivery.endpoint}")


async def examine_endpoints(deliveries: Deliveries) -> list[Finding]:
    """Return what `reelbus doctor` says of disabled endpoints."""
    try:
        disabled = await deliveries.list_disabled_endpoints()
    except ReelbusError as error:
        words = f"can't be looked for: {error}"
        return [Finding.wrong("webhook endpoint", "", words, "see the lines about the database")]
    return [
        Finding.note(
            "webhook endpoint",
            each.name,
            f"gets no events since {each.disabled_at:%Y-%m-%d %H:%M} UTC: {each.url} answered 410 Gone",
            f"reelbus webhooks enable {each.name}, or take it out of REELBUS_WEBHOOK_ENDPOINTS and enable it",
        )
        for each in disabled
    ]
