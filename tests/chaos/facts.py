"""What an audit looks at: both sides of every story. The model's books, our records, and what everybody was told."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.domain.job import Job
from tests.chaos.orders import Order


@dataclass(frozen=True, kw_only=True, slots=True)
class Paid:
    """An operation that the model accepted."""

    name: str
    prefix: str
    """`work/job/clip/attempt/`."""
    charged: bool
    """False where the model gave it up for want of capacity."""

    @property
    def clip(self) -> tuple[str, str]:
        """The planned clip: job and index."""
        _, job_id, index, _ = self.prefix.split("/", 3)
        return job_id, index


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """A completion that somebody downstream got."""

    event_id: str
    job_id: str
    life: int
    state: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a facade answered."""

    job_id: str
    status: int
    code: str
    """Of the error; empty where there is none."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything about a run that is over."""

    orders: tuple[Order, ...]
    jobs: Mapping[str, Job]
    paid: tuple[Paid, ...]
    told: tuple[Told, ...]
    answers: tuple[Answer, ...]
    finals: Mapping[str, float]
    """Every finished file, and how many seconds it lasts."""
    posters: frozenset[str] = frozenset()
    work: frozenset[str] = frozenset()
    """Names under `work/`."""
    leftovers: tuple[str, ...] = ()
    """Half-made files that would still lie there a day later."""
    crashes: tuple[str, ...] = ()
    """Processes that ended though nobody killed them."""
    complaints: tuple[str, ...] = ()
    """Log lines of errors that nobody foresaw."""
    done: Counter[str] = field(default_factory=Counter)
    """What was done to the house, counted."""
    seen: Counter[str] = field(default_factory=Counter)
    """How often each `action` was logged."""
