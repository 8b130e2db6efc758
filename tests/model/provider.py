"""A model that costs money. The machine chooses its every answer; it keeps the bill that nobody can talk it out of."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from schemas.domain.clip import Clip, Plan, PlannedClip
from schemas.domain.states import ClipState
from schemas.errors import Category, Charged, Failure, SubmitRefused, SubmitUnknown, Unavailable
from schemas.ports import Clock, GenerationDone, GenerationFailed, GenerationRunning, JobStore, VideoStore
from schemas.wire.request import VideoRequest

PRICE = Decimal("0.40")
CLIP_SECONDS = 1
QUOTA = Failure(
    category=Category.QUOTA, code="quota", message="The quota is used up for now.", retryable=True, charged=Charged.NO
)
SAFETY = Failure(
    category=Category.SAFETY_FILTER,
    code="safety_filter",
    message="The prompt was refused: violence.",
    charged=Charged.NO,
)
LATE = Failure(
    category=Category.TIMEOUT, code="not_sent", message="Too late to send.", retryable=True, charged=Charged.NO
)
LOST = Failure(category=Category.UPSTREAM, code="reset", message="The connection was reset.", charged=Charged.UNKNOWN)
BUSY = Failure(
    category=Category.CAPACITY, code="capacity", message="The model is overloaded.", retryable=True, charged=Charged.NO
)


@dataclass
class Operation:
    """One accepted submit. `charged` stays True unless the model itself said that it made nothing."""

    name: str
    job_id: str
    clip: int
    prefix: str
    claimed: bool
    """Whether the record still said at that moment that this very claim is being submitted."""
    charged: bool = True
    film: str | None = None


@dataclass
class Provider:
    """`VideoModel`. `on_submit` and `on_poll` are the answers to the next question; the default is the good case."""

    videos: VideoStore
    jobs: JobStore
    film: bytes
    clock: Clock
    operations: dict[str, Operation] = field(default_factory=dict)
    on_submit: str = "accept"
    on_poll: str = "finished"
    poll_every_s: float = 10.0

    async def prepare(self) -> None:
        """Nothing to load."""

    def plan(self, request: VideoRequest) -> Plan:
        clip = PlannedClip(model="paid-1", seconds=1, billed_seconds=4, price_usd=PRICE, expected_s=1)
        return Plan(clips=(clip,) * request.duration_seconds)

    def makes(self, model: str) -> bool:
        """Whatever it planned."""
        return True

    async def submit(
        self, request: VideoRequest, clip: Clip, sources: Sequence[str], *, send_before: float, previous: str = ""
    ) -> str:
        fate, self.on_submit = self.on_submit, "accept"
        if self.clock.boot() >= send_before:
            raise SubmitRefused(LATE)
        if fate in ("quota", "safety"):
            raise SubmitRefused(QUOTA if fate == "quota" else SAFETY)
        if fate == "question lost":
            raise SubmitUnknown(LOST)
        operation = await self._accepted(request.job_id, clip)
        if fate == "answer lost":
            raise SubmitUnknown(LOST)
        return operation.name

    async def poll(
        self, operation: str, *, request: VideoRequest | None = None
    ) -> GenerationRunning | GenerationDone | GenerationFailed:
        fate, self.on_poll = self.on_poll, "finished"
        known = self.operations[operation]
        if fate == "unavailable":
            raise Unavailable("the model is out of reach")
        if known.film is None and fate == "running":
            return GenerationRunning()
        if known.film is None and fate in ("busy", "unsafe"):
            known.charged = False
            return GenerationFailed(failure=BUSY if fate == "busy" else SAFETY)
        return (
            GenerationDone(outputs=(await self.deliver(known),)) if known.charged else GenerationFailed(failure=SAFETY)
        )

    async def recover(self, prefix: str) -> Sequence[str]:
        return [file.name for file in await self.videos.list(prefix) if file.name.endswith(".mp4")]

    async def discard(self, operation: str) -> None:
        """Google has no such call: the film comes all the same."""

    async def deliver(self, operation: Operation) -> str:
        """The film of an accepted submit lands in the store, whether or not anybody knows of it."""
        if operation.film is None:
            operation.film = f"{operation.prefix}1575493371/sample_0.mp4"
            await self.videos.put(operation.film, self.film, content_type="video/mp4")
        return operation.film

    async def _accepted(self, job_id: str, clip: Clip) -> Operation:
        record = await self.jobs.get(job_id)
        line = record.clip_in(ClipState.SUBMITTING) if record else None
        name = f"operations/{len(self.operations) + 1}"
        operation = Operation(name, job_id, clip.index, clip.prefix or "", bool(line and line.nonce == clip.nonce))
        self.operations[name] = operation
        return operation
