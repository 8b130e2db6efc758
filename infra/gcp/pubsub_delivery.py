"""One message of Pub/Sub in the hands of one handler."""

import math
from collections import OrderedDict
from typing import Protocol

from google.cloud.pubsub_v1.subscriber.message import Message as Received

from infra.gcp.pubsub_marks import alive, obituary
from schemas.message import Message

_DELAY_AT_MOST_S = 600
_REMEMBERED = 10_000


class Holder(Protocol):
    """Who handed it out."""

    def settled(self, delivery: "PubSubDelivery") -> None:
        """It is not held any more."""

    async def bury(self, message: Message, *, deliveries: int, cause: str) -> None:
        """Brings it to the dead letters; durable once this returns."""


class PubSubDelivery:
    """Settling only notes it: the library's own thread sends it within 10 ms. What is lost on the way comes again."""

    def __init__(self, holder: Holder, received: Received, attempt: int) -> None:
        self._holder = holder
        self._received = received
        self._attempt = attempt
        self._settled = False

    @property
    def message(self) -> Message:
        it = self._received
        return obituary(it.data, it.attributes, it.message_id)

    @property
    def attempt(self) -> int:
        return self._attempt

    async def ack(self) -> None:
        if self._settle():
            self._received.ack()
            self._holder.settled(self)

    async def nack(self, *, delay_s: float = 0) -> None:
        if not self._settle():
            return
        delay = math.ceil(min(max(delay_s, 0), _DELAY_AT_MOST_S))
        if delay:  # it comes again when this deadline is over; the library forgets it, and has room for the next
            self._received.modify_ack_deadline(delay)
            self._received.drop()
        else:
            self._received.nack()
        self._holder.settled(self)

    async def bury(self, cause: str) -> None:
        if self._settled:
            return
        it = self._received
        await self._holder.bury(alive(it.data, it.attributes), deliveries=self._attempt, cause=cause)
        await self.ack()

    def _settle(self) -> bool:
        first, self._settled = not self._settled, True
        return first


class Attempts:
    """Counts deliveries where Pub/Sub does not: it does so only on a subscription with a dead-letter policy.

    What this process has seen, and the newest of that: enough to wait longer from one failure to the next.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[str, int] = OrderedDict()

    def of(self, received: Received) -> int:
        """Which delivery this is, from 1."""
        if received.delivery_attempt:
            return int(received.delivery_attempt)
        count = self._seen.pop(received.message_id, 0) + 1
        self._seen[received.message_id] = count
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return count
