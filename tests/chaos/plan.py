"""The whole run before it begins: who orders what, and what is done to whom and when. Pure: a seed gives one plan."""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from tests.chaos.orders import Order, orders_of

ORDERS_WITHIN = 0.6
"""All orders come in this part of the time, so that the last trouble meets jobs in every state."""


class What(StrEnum):
    """What is done to the house."""

    KILL_WORKER = "kill worker"
    KILL_FACADE = "kill facade"
    STOP_WORKER = "stop worker"
    STOP_FACADE = "stop facade"
    CUT_MODEL = "cut model"
    CUT_STORE = "cut store"
    STOP_STORE = "stop store"
    FILL_DISK = "fill disk"


_SECONDS = {
    What.STOP_WORKER: (5, 9),
    What.STOP_FACADE: (2, 5),
    What.CUT_MODEL: (1, 5),
    What.CUT_STORE: (1, 4),
    What.STOP_STORE: (2, 5),
    What.FILL_DISK: (1, 4),
}
"""How long it lasts. A stopped worker sleeps past its submit window, past the hold, and past the ack deadline."""
_KILLS = (What.KILL_WORKER, What.KILL_WORKER, What.KILL_FACADE)
EMBEDDED = (What.STOP_WORKER, What.STOP_WORKER, What.STOP_FACADE, What.CUT_MODEL, What.FILL_DISK)
GOOGLE = (What.STOP_WORKER, What.STOP_WORKER, What.STOP_FACADE, What.CUT_MODEL, What.CUT_STORE, What.STOP_STORE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """One thing that is done to one part of the house."""

    at_s: float
    what: What
    slot: int
    """Which worker, facade or store, counted round."""
    seconds: float = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A run."""

    seed: int
    seconds: float
    """How long there is trouble; then everything is healthy, and the jobs have time to end."""
    orders: tuple[Order, ...]
    troubles: tuple[Trouble, ...]

    def __str__(self) -> str:
        kinds = Counter(trouble.what for trouble in self.troubles)
        doors = Counter(order.door for order in self.orders)
        done = ", ".join(f"{what} {count}" for what, count in sorted(kinds.items()))
        come = ", ".join(f"{door} {count}" for door, count in sorted(doors.items()))
        copies = sum(len(order.copies_at_s) for order in self.orders)
        return (
            f"plan: seed {self.seed}, {len(self.orders)} jobs ({come}; {copies} copies) and {self.seconds:.0f} s of "
            f"trouble: {done}"
        )


def plan_of(seed: int, *, jobs: int, kills: int, seconds: float, others: tuple[What, ...]) -> Plan:
    """The plan of a seed. Beside the kills, half as many other troubles of these kinds."""
    random = Random(seed)
    wanted = [_KILLS[number % len(_KILLS)] for number in range(kills)]
    wanted += [others[number % len(others)] for number in range(max(len(others), kills // 2))]
    random.shuffle(wanted)
    every_s = seconds / len(wanted)
    troubles = (_trouble(random, what, (number + random.random()) * every_s) for number, what in enumerate(wanted))
    return Plan(
        seed=seed,
        seconds=seconds,
        orders=orders_of(random, jobs, seconds * ORDERS_WITHIN),
        troubles=tuple(sorted(troubles, key=lambda trouble: trouble.at_s)),
    )


def _trouble(random: Random, what: What, at_s: float) -> Trouble:
    shortest, longest = _SECONDS.get(what, (0, 0))
    return Trouble(at_s=at_s, what=what, slot=random.randrange(100), seconds=random.uniform(shortest, longest))
