"""A model that costs money, at the port: it counts what it accepts, and takes a script of what goes wrong.

It stands for Vertex AI until the wire-level one answers; everything around it is real.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from schemas.domain.clip import Clip, Plan, PlannedClip
from schemas.errors import Category, Charged, Failure, Invalid, SubmitRefused, SubmitUnknown, Unavailable
from schemas.ports import Answer, GenerationDone, VideoStore
from schemas.wire.request import VideoRequest

PRICE = Decimal("0.40")
QUOTA = Failure(
    category=Category.QUOTA, code="quota", message="The quota is used up for now.", retryable=True, charged=Charged.NO
)
SAFETY = Failure(
    category=Category.SAFETY_FILTER,
    code="safety_filter",
    message="The prompt was refused: violence.",
    charged=Charged.NO,
)
CAPACITY = Failure(
    category=Category.CAPACITY, code="capacity", message="The model is overloaded.", retryable=True, charged=Charged.NO
)
LOST = Failure(category=Category.UPSTREAM, code="reset", message="The connection was reset.", charged=Charged.UNKNOWN)

Submit = Callable[["PaidModel", Clip], str]


def accept(model: "PaidModel", clip: Clip) -> str:
    """The good case."""
    operation = f"operations/{len(model.accepted) + 1}"
    model.accepted.append(clip.prefix or "")
    model.prefixes[operation] = clip.prefix or ""
    return operation


def refuse(failure: Failure) -> Submit:
    """A definite no."""

    def answer(model: "PaidModel", clip: Clip) -> str:
        raise SubmitRefused(failure)

    return answer


def accept_and_lose_the_answer(model: "PaidModel", clip: Clip) -> str:
    """It is accepted, and paid, and nobody is told."""
    accept(model, clip)
    raise SubmitUnknown(LOST)


def lose_the_question(model: "PaidModel", clip: Clip) -> str:
    """It never arrives, and nobody can tell."""
    raise SubmitUnknown(LOST)


@dataclass
class PaidModel:
    """Accepts everything unless `submits` says otherwise; films are there at once unless `hold` is set."""

    videos: VideoStore
    film: bytes
    poll_every_s: float = 0.01
    clip_seconds: int = 30
    submits: deque[Submit] = field(default_factory=deque)
    accepted: list[str] = field(default_factory=list)
    prefixes: dict[str, str] = field(default_factory=dict)
    discarded: list[str] = field(default_factory=list)
    outcome: Answer | None = None
    """What a poll says; None: the film is there."""
    before_submit: Callable[[], None] = lambda: None
    others: frozenset[str] = frozenset()
    """Models of another provider."""
    unprepared: int = 0
    """So many times `prepare` fails."""
    loads: asyncio.Event | None = None
    """`prepare` waits for it."""
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event | None = None
    """A submit waits for it before it answers."""
    at_gate: asyncio.Event = field(default_factory=asyncio.Event)
    polled: asyncio.Event = field(default_factory=asyncio.Event)

    async def prepare(self) -> None:
        """Nothing to load, unless a test says so."""
        self.asked.set()
        if self.loads:
            await self.loads.wait()
        if self.unprepared:
            self.unprepared -= 1
            raise Unavailable("the model's credentials are out of reach")

    def plan(self, request: VideoRequest) -> Plan:
        if request.model == "none":
            raise Invalid("model must be one that exists", field="model")
        count = -(-request.duration_seconds // self.clip_seconds)
        clip = PlannedClip(model="paid-1", seconds=1, billed_seconds=4, price_usd=PRICE, expected_s=1)
        return Plan(clips=(clip,) * count)

    def makes(self, model: str) -> bool:
        return model not in self.others

    async def submit(
        self, request: VideoRequest, clip: Clip, sources: Sequence[str], *, send_before: float, previous: str = ""
    ) -> str:
        self.before_submit()
        answer = self.submits.popleft() if self.submits else accept
        operation = answer(self, clip)
        if self.gate:
            self.at_gate.set()
            await self.gate.wait()
        return operation

    async def poll(self, operation: str, *, request: VideoRequest | None = None) -> Answer:
        self.polled.set()
        return self.outcome or GenerationDone(outputs=(await self.deliver(self.prefixes[operation]),))

    async def deliver(self, prefix: str) -> str:
        """The film of an accepted clip lands in the store."""
        name = f"{prefix}1575493371/sample_0.mp4"
        await self.videos.put(name, self.film, content_type="video/mp4")
        return name

    async def recover(self, prefix: str) -> Sequence[str]:
        return [file.name for file in await self.videos.list(prefix) if file.name.endswith(".mp4")]

    async def discard(self, operation: str) -> None:
        self.discarded.append(operation)
