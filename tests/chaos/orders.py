"""What is asked for: films of 1 to 15 seconds, over both doors, some asked for twice, some to be cancelled. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from random import Random

from schemas.wire.request import OnUnknownSubmit, VideoRequest

VEO = "veo-3.1-fast-generate-001"
_LONGEST_S = 15


class Door(StrEnum):
    """How an order comes in."""

    WAIT = "wait"
    """By HTTP, by a caller who stays on the line for the video."""
    ASYNC = "async"
    """By HTTP, by a caller who asks for the job later."""
    BUS = "bus"
    """Straight to the bus."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """One film, and how its caller behaves."""

    request: VideoRequest
    door: Door
    at_s: float
    copies_at_s: tuple[float, ...] = ()
    """When its message is published again by somebody: before the order itself, or long after it."""
    cancel_at_s: float | None = None

    @property
    def may_be_paid_twice(self) -> bool:
        """The caller's own choice."""
        return self.request.on_unknown_submit is OnUnknownSubmit.RESUBMIT


def orders_of(random: Random, count: int, within_s: float) -> tuple[Order, ...]:
    """So many orders, spread over the time."""
    return tuple(_order(random, f"chaos-{number:04}", within_s) for number in range(count))


def _order(random: Random, job_id: str, within_s: float) -> Order:
    at_s = random.uniform(0, within_s)
    fields: dict[str, object] = {
        "job_id": job_id,
        "prompt": f"A lighthouse in a storm, take {job_id}",
        "duration_seconds": random.randint(1, _LONGEST_S),
        "on_unknown_submit": "resubmit" if random.random() < 0.2 else "fail",
    }
    if random.random() < 0.25:
        fields["model"] = VEO
    return Order(
        request=VideoRequest.model_validate(fields),
        door=random.choices(list(Door), (5, 3, 4))[0],
        at_s=at_s,
        copies_at_s=_copies(random, at_s),
        cancel_at_s=at_s + random.uniform(0.5, 20) if random.random() < 0.05 else None,
    )


def _copies(random: Random, at_s: float) -> tuple[float, ...]:
    """A quarter of the orders come more than once: a copy may overtake the order, or come when all is over."""
    if random.random() > 0.25:
        return ()
    return tuple(sorted(max(0.0, at_s + random.uniform(-2, 30)) for _ in range(random.randint(1, 3))))
