"""The bus: topics, subscriptions, deliveries and dead letters."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from schemas.wire.message import Message
from schemas.wire.request import VideoRequest

REQUESTS = "video-requests"
BATCH_REQUESTS = "video-requests-batch"
COMPLETIONS = "video-completions"
DEAD_REQUESTS = "video-requests-dead"
MAX_DELIVERIES = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    """A named queue of a topic's messages, which one group of consumers shares."""

    name: str
    topic: str
    ephemeral: bool = False
    """True if it belongs to one process: it is deleted with the process, and has no dead letters."""
    dead_letter_topic: str | None = None
    """Where a message is published after `max_deliveries` without an ack; None: it is delivered without end."""
    max_deliveries: int = MAX_DELIVERIES


WORKERS = Subscription(name="video-workers", topic=REQUESTS, dead_letter_topic=DEAD_REQUESTS)
"""The subscription that all workers share for interactive requests and for cancels."""
BATCH_WORKERS = Subscription(name="video-batch-workers", topic=BATCH_REQUESTS, dead_letter_topic=DEAD_REQUESTS)
"""The subscription that all workers share for batch requests."""
DEAD_WORKERS = Subscription(name="video-dead-workers", topic=DEAD_REQUESTS)
"""The subscription by which workers learn that a request was dead-lettered, so that they end its job."""

WEBHOOKS = Subscription(name="video-webhooks", topic=COMPLETIONS)
"""The subscription by which couriers learn of ended jobs, so that they post their webhooks."""


def topic_of(request: VideoRequest) -> str:
    """Return the topic of the request's lane."""
    return BATCH_REQUESTS if request.priority == "batch" else REQUESTS


class Delivery(Protocol):
    """One message that one consumer has leased, until it is settled or the consumer's process ends.

    Settling it twice, or after the lease was lost, does nothing: the consumer with the present lease decides.
    """

    @property
    def message(self) -> Message:
        """What was published."""

    @property
    def attempt(self) -> int:
        """1 for the first delivery, more for each redelivery."""

    @property
    def message_id(self) -> str:
        """The bus's id of the message: the same for each redelivery, another for each publish."""

    async def ack(self) -> None:
        """Settle the message: it is never delivered to this subscription again."""

    async def nack(self, *, delay_s: float = 0) -> None:
        """Deliver the message again after the delay (at most 600 s). This delivery is counted."""

    async def dead_letter(self, cause: str) -> None:
        """Move the message to the dead letters at once, with the cause."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """A message that is not delivered any more. It is stored until the operator replays or deletes it."""

    id: str
    subscription: str
    topic: str
    message: Message
    deliveries: int
    cause: str
    died_at: datetime


class Bus(Protocol):
    """Topics and subscriptions, with at-least-once delivery: twice or in another order, but never lost.

    A new adapter must guarantee:

    - A message that was published before its subscription existed does not reach it.
    - A delivered message stays leased until it is settled, while its process runs. After a crash of the process it is
      delivered again within the ack deadline.
    - A subscription with a dead-letter topic delivers a message `max_deliveries` times, deliveries to killed consumers
      included. Then the message is published on that topic with the attributes `dead_letter_id` and
      `dead_letter_cause`, and listed by `dead_letters`.
    - Delivery goes on if a wake-up hint is lost.

    `infra/subscription_stream.py` has the flow control for it. `tests/contract/test_bus.py` proves it, also with killed
    processes; `tests/contract/bus_mutants.py` has broken buses that the suite catches.
    """

    @property
    def dead_letter_reads_are_exclusive(self) -> bool:
        """True if a concurrent reader can hide dead letters from `dead_letters`, `replay_dead_letter` and
        `delete_dead_letter`, as on Pub/Sub, which leases them."""

    @property
    def sees_waiting(self) -> bool:
        """True if `list_waiting` works; Pub/Sub can't list messages."""

    async def list_waiting(self, subscription: Subscription) -> Sequence[Mapping[str, str]]:
        """Return the attributes of all unsettled messages, leased ones included. Raises `Unavailable`."""

    async def publish(self, topic: str, message: Message) -> None:
        """Publish the message; durable once this returns. After `Unavailable` it may or may not be published."""

    async def ensure(self, subscription: Subscription) -> None:
        """Create the subscription if it does not exist, and update what differs. Idempotent. For set-up only."""

    async def check(self, subscription: Subscription) -> Sequence[str]:
        """Return how the subscription differs from what `ensure` makes, one sentence for each difference.

        Raises `Unavailable` if the bus does not answer, or if an operator has to create the subscription first. A bus
        without an operator creates it.
        """

    def subscribe(
        self, subscription: Subscription, *, limit: int
    ) -> AbstractAsyncContextManager[AsyncIterator[Delivery]]:
        """Receive messages, with at most `limit` of them unsettled. Creates an ephemeral subscription; another one must
        exist.

        Leaving the context stops the delivery. Messages that no consumer received go back at once, uncounted if the bus
        can do that (Pub/Sub counts every delivery). Received ones stay leased until they are settled or the bus is
        closed. An ephemeral subscription is deleted at the end of its context.
        """

    def follow(self, subscription: Subscription) -> AbstractAsyncContextManager[AsyncIterator[Message]]:
        """Receive every message of a topic through an ephemeral subscription, without settling any.

        For a process that takes messages as hints, and reads the truth elsewhere: a message may come twice, and is lost
        if the process, the bus or the iteration fails. Creates the subscription, which ends with its context. The
        iterator raises `Unavailable`; the caller then follows again, and has missed what was published meanwhile.
        """

    async def dead_letters(self, *, limit: int = 100, id: str | None = None) -> list[DeadLetter]:
        """Return the dead letters, the newest first; with `id`, only that one."""

    async def replay_dead_letter(self, id: str) -> None:
        """Publish a dead letter on its topic again, and delete it. Raises `NotFound`."""

    async def delete_dead_letter(self, id: str) -> None:
        """Delete a dead letter. Raises `NotFound`."""
