"""Which endpoints of the settings get no events: a receiver answered 410 Gone, and no operator has enabled it again."""

import logging
from collections.abc import Sequence

from schemas.domain.delivery import DeliveryState, DisabledEndpoint, WebhookDelivery
from schemas.ports import Clock, Deliveries
from schemas.wire.webhook_address import mask_url
from schemas.wire.webhook_endpoints import FROM_REQUEST

logger = logging.getLogger(__name__)

KNOWN_FOR_S = 30.0
"""For so long a courier takes an endpoint for enabled: each look reads the store, and costs money on Firestore."""


class EndpointStates:
    """The disabled endpoints, as one courier knows them. An address from a request is never among them."""

    def __init__(self, deliveries: Deliveries, clock: Clock) -> None:
        self._deliveries, self._clock = deliveries, clock
        self._disabled: Sequence[DisabledEndpoint] = ()
        self._read_at: float | None = None

    async def is_disabled(self, delivery: WebhookDelivery) -> bool:
        """Return whether the delivery must not be posted. Raises `Unavailable`.

        A disabled endpoint is looked at for each delivery: the first event after `enable` is posted.
        """
        if delivery.endpoint == FROM_REQUEST:
            return False
        now = self._clock.boot()
        is_fresh = self._read_at is not None and now - self._read_at < KNOWN_FOR_S
        if not is_fresh or self._has(delivery):
            self._disabled, self._read_at = await self._deliveries.list_disabled_endpoints(), now
        return self._has(delivery)

    async def note(self, settled: WebhookDelivery) -> None:
        """Disable the endpoint whose receiver answered 410 to this delivery. Raises `Unavailable`."""
        if settled.state is not DeliveryState.DISABLED or settled.endpoint == FROM_REQUEST:
            return
        endpoint = DisabledEndpoint(
            name=settled.endpoint,
            address=settled.address,
            url=mask_url(settled.url),
            disabled_at=self._clock.now(),
            delivery_id=settled.delivery_id,
        )
        await self._deliveries.disable_endpoint(endpoint)
        self._disabled = (*self._disabled, endpoint)
        extra = {"action": "webhook_endpoint_disabled", "endpoint": endpoint.name, "url": endpoint.url}
        extra["remedy"] = f"reelbus webhooks enable {endpoint.name}"
        logger.warning("an endpoint answered 410 Gone, and gets no more events until it is enabled again", extra=extra)

    def _has(self, delivery: WebhookDelivery) -> bool:
        return any(endpoint.covers(delivery) for endpoint in self._disabled)
