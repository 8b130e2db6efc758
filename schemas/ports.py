"""The ports. An adapter keeps what their docstrings promise; `tests/contract/` holds every adapter to them.

Adapters translate foreign errors: out of reach is `Unavailable`, never an exception of a client library.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from schemas.domain.budget import BudgetShard
from schemas.domain.clip import Clip, Plan
from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.errors import Failure
from schemas.former import former_names
from schemas.wire.message import Message
from schemas.wire.request import VideoRequest

REQUESTS = "video-requests"
COMPLETIONS = "video-completions"
DEAD_REQUESTS = "video-requests-dead"
MAX_DELIVERIES = 20
COUNTED_AHEAD = 1000
"""The position in the queue is counted up to here: Firestore counts no more for one billed read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    """A named place where a topic's messages wait for one group of consumers."""

    name: str
    topic: str
    ephemeral: bool = False
    """True for one process's own: it goes when the process does, and never dead-letters."""
    dead_letter_topic: str | None = None
    """Where a message goes after `max_deliveries` without an ack. None: it is delivered for ever."""
    max_deliveries: int = MAX_DELIVERIES


WORKERS = Subscription(name="video-workers", topic=REQUESTS, dead_letter_topic=DEAD_REQUESTS)
"""The one subscription that all workers share."""
DEAD_WORKERS = Subscription(name="video-dead-workers", topic=DEAD_REQUESTS)
"""Where workers learn that a request was given up, to end its job."""


class Delivery(Protocol):
    """One message in the hands of one consumer. Leased until it is settled or its process dies.

    Settling twice, or after the lease was lost, does nothing: the one who holds the lease now decides.
    """

    @property
    def message(self) -> Message:
        """What was published."""

    @property
    def attempt(self) -> int:
        """1 for the first delivery, more for each redelivery."""

    @property
    def message_id(self) -> str:
        """The bus's id of the message. It is the same for each redelivery, and another for each publish."""

    async def ack(self) -> None:
        """Done with it: it is never delivered to this subscription again."""

    async def nack(self, *, delay_s: float = 0) -> None:
        """Not now: deliver it again after the delay (600 s at most). Counts as a delivery."""

    async def dead_letter(self, cause: str) -> None:
        """Never again: to the dead letters at once, with the reason."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """A message that was given up, kept until somebody replays or removes it."""

    id: str
    subscription: str
    topic: str
    message: Message
    deliveries: int
    cause: str
    died_at: datetime


class Bus(Protocol):
    """Topics and subscriptions. At-least-once: a message may come twice, and in any order, but it comes.

    - A message published before its subscription existed does not reach it.
    - A delivered message stays leased while it is unsettled, for as long as the process lives. After a crash it is
      delivered again within the ack deadline.
    - A subscription with a dead-letter topic gives a message up after `max_deliveries`: the message is published
      there with the attributes `dead_letter_id` and `dead_letter_cause`, and kept in `dead_letters`.
    """

    @property
    def dead_letter_reads_are_exclusive(self) -> bool:
        """True where `dead_letters` leaves out what somebody else looks at in that moment, and `drop` can't find it."""

    @property
    def sees_waiting(self) -> bool:
        """True if `list_waiting` can tell; Pub/Sub can't."""

    async def list_waiting(self, subscription: Subscription) -> Sequence[Mapping[str, str]]:
        """The attributes of all messages that are not settled: what waits, and what is leased. Raises `Unavailable`."""

    async def publish(self, topic: str, message: Message) -> None:
        """Durable once this returns. Raises `Unavailable`; then it may or may not have been published."""

    async def ensure(self, subscription: Subscription) -> None:
        """The subscription exists from here on. Idempotent."""

    def subscribe(
        self, subscription: Subscription, *, limit: int
    ) -> AbstractAsyncContextManager[AsyncIterator[Delivery]]:
        """Messages as they come, at most `limit` of them unsettled at once. Creates the subscription.

        Leaving the context stops the flow. What was not handed out goes back at once, uncounted where the bus can
        (Pub/Sub counts every delivery); what was handed out stays leased until it is settled or the bus is closed.
        An ephemeral subscription ends with its context.
        """

    async def dead_letters(self, *, limit: int = 100, id: str | None = None) -> list[DeadLetter]:
        """What was given up, the newest first; with `id`, only that one."""

    async def replay_dead_letter(self, id: str) -> None:
        """Publish a dead letter on its topic again and take it off the shelf. Raises `NotFound`."""

    async def delete_dead_letter(self, id: str) -> None:
        """Take a dead letter off the shelf for good. Raises `NotFound`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobQuery:
    """Which jobs to list. All conditions hold at once; the newest come first (`due_before`: the longest due)."""

    states: frozenset[JobState] = frozenset()
    project_id: str | None = None
    fingerprint: str | None = None
    caller: str | None = None
    """Only jobs of this caller; not together with `due_before`."""
    created_before: datetime | None = None
    due_before: datetime | None = None
    """Only jobs whose `next_check_at` is before that."""
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class JobPage:
    """One page of a listing."""

    jobs: Sequence[Job]
    cursor: str | None
    """Give it back for the next page; None on the last."""


class JobStore(Protocol):
    """The records. Every change is a compare-and-set on `revision`."""

    async def create(self, job: Job) -> Job:
        """Store a new job. Raises `AlreadyExists`. Returns it with revision and store times."""

    async def get(self, job_id: str) -> Job | None:
        """The job as of now, with `revision`, `stored_at` and `read_at` of the store's own clock."""

    async def save(self, job: Job) -> Job:
        """Replace the version that `job.revision` names. Raises `Conflict` where that is not the newest any more."""

    async def list(self, query: JobQuery) -> JobPage:
        """Jobs that fit. A job that doesn't change between pages is listed exactly once. Raises `Invalid` for a
        cursor that is none."""

    async def ahead_of(self, job: Job) -> int | None:
        """How many queued jobs are older than this queued one; None from `COUNTED_AHEAD` on, or where the store can't
        tell cheaply."""


class Budgets(Protocol):
    """What is used of the limits, kept beside the jobs. Every change is a compare-and-set on `Slice.revision`."""

    async def read(self, names: Sequence[str]) -> Sequence[BudgetShard]:
        """These slices as of now, in this order; empty ones where there are none."""

    async def reserve(self, job: Job, slices: Sequence[BudgetShard]) -> Job:
        """`JobStore.save` and these slices, all or nothing. Raises `Conflict` where any of them moved."""

    async def give_back(self, found: BudgetShard) -> None:
        """Replace the version that `found.revision` names. Raises `Conflict` where it moved; nothing is written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LastBeat:
    """The newest sign of life of all workers."""

    owner: str
    at: datetime
    read_at: datetime
    """Both of the store's own clock."""


class Heartbeats(Protocol):
    """Signs of life of the workers, kept beside the jobs. What is kept is bounded, however many workers there were."""

    async def beat(self, owner: str) -> None:
        """This worker is alive now."""

    async def last_beat(self) -> LastBeat | None:
        """The newest; None if there never was one. It may miss the beat of a worker that shares its place with another,
        but never all beats."""


class ProgressReports(Protocol):
    """How far operations are, as a model reports it. Reports are kept outside the job records."""

    async def progress_of(self, operation: str) -> float | None:
        """Return the share of an operation's work that is done, 0 to 1; None if nothing is reported. Never raises."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredFile:
    """A file in the video store."""

    name: str
    size_bytes: int
    stored_at: datetime


class VideoStore(Protocol):
    """Files by name. A name is never seen half-written, and never changes what it holds."""

    @property
    def reads(self) -> frozenset[str]:
        """What the URIs of foreign files begin with that a caller may point at, for example {"gs://bucket/"}."""

    async def put(self, name: str, source: Path | bytes, *, content_type: str) -> bool:
        """Store if absent. False: the name was taken, and what is there stays. Raises `Invalid` for an unsafe name."""

    async def fetch(self, name: str, to: Path) -> None:
        """Copy it to a local file. A URI under `reads` may stand for the name of an image.

        Raises `NotFound`, and `Invalid` for an unsafe name, a URI elsewhere and an image that is too large.
        """

    async def list(self, prefix: str) -> Sequence[StoredFile]:
        """Everything under a prefix, by name."""

    async def delete(self, name: str) -> None:
        """It is gone after this. Deleting what is not there is fine."""

    async def url_for(self, name: str) -> str:
        """Where a viewer gets it: the public address, or one signed just now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerationRunning:
    """The operation goes on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerationDone:
    """The operation left these files in the video store, or handed their bytes over in its answer."""

    outputs: tuple[str, ...]
    films: tuple[bytes, ...] = field(default=(), repr=False)
    """Only where no file is in the store."""
    price_usd: Decimal | None = None
    """What it costs by the provider's own count; None if the answer holds none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerationFailed:
    """The operation ended without a file. What the worker does next depends on `failure`:

    - `charged` is NO, `retryable` is true, and the category is `quota` or `capacity`: the worker plans the clip again
      and submits it after a pause, until the job's deadline.
    - `charged` is NO otherwise: the job fails, and the worker does not look for a file.
    - `charged` is YES or UNKNOWN: the worker looks for a file under the attempt's prefix and uses it. If there is none,
      the job fails.

    In a job that fails, `retryable` tells the caller that the same request may succeed if it is sent again.
    """

    failure: Failure


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """The model does not know the operation at present. That is no end: it may know it again, or deliver the file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Foreign:
    """The operation belongs to another model, which this adapter can't ask."""


Answer = GenerationRunning | GenerationDone | GenerationFailed | Missing | Foreign
"""To a poll."""


class VideoModel(Protocol):
    """What makes the clips."""

    @property
    def poll_every_s(self) -> float:
        """Seconds to leave between two polls of one operation; 0 where `poll` itself waits a little."""

    async def prepare(self) -> None:
        """Load and fetch what `submit` needs, so that a send follows its claim at once. It costs nothing and may be
        repeated. Raises `Unavailable`."""

    def plan(self, request: VideoRequest) -> Plan:
        """Clips, billed seconds and price: pure, no I/O. Raises `Invalid` for what the model can't make."""

    def makes(self, model: str) -> bool:
        """True if it can submit a clip that was planned for this model; others wait for a worker that can."""

    async def submit(
        self, request: VideoRequest, clip: Clip, sources: Sequence[str], *, send_before: float, previous: str = ""
    ) -> str:
        """The one paid call: exactly one request leaves. Returns the operation's name.

        Only for a clip whose model it `makes`. `clip.prefix` is where the files go; `sources` are the outputs of the
        clips before it, and `previous` is the operation of the clip that it extends, if that is known. `send_before` is
        on `Clock.boot`: once it is over nothing may be sent, since another worker may have taken over. Raises
        `SubmitRefused` if certainly nothing was accepted, and `SubmitUnknown` in every doubt.
        """

    async def poll(self, operation: str, *, request: VideoRequest | None = None) -> Answer:
        """How an operation stands; free, and any process may ask. Raises `Unavailable`.

        `request` is what it was made for: its words are removed from the provider's, before these are read or shown.
        """

    async def recover(self, prefix: str) -> Sequence[str]:
        """Names of the finished files under a work prefix, whoever submitted them."""

    async def discard(self, operation: str) -> None:
        """The result is not wanted any more; stop the work where that is possible. Never raises for a dead one."""


class Clock(Protocol):
    """Time, so that waiting can be tested without waiting."""

    def now(self) -> datetime:
        """The moment, in UTC, to the millisecond."""

    def boot(self) -> float:
        """Seconds since boot, sleep of the machine included: never jumps back."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """What a video file really holds."""

    width: int
    height: int
    frames: int
    fps: float
    duration_seconds: float
    video_codec: str
    audio_codec: str | None
    faststart: bool
    defect: str | None = None
    """What is wrong with a video that is delivered all the same, in a few words."""


class Editor(Protocol):
    """Cuts and joins files on the local disk."""

    async def assemble(self, clips: Sequence[Path], *, duration_seconds: int, to: Path) -> Probe:
        """One faststart MP4 of exactly that length (± one frame).

        A playable clip that can't be made so is delivered as it came, with `Probe.defect`. Raises `Invalid` for what is
        certainly no video, and `LocalDisk`.
        """

    async def keep(self, clips: Sequence[Path], *, to: Path, defect: str) -> Probe:
        """The longest clip as it came. Raises `Invalid` and `LocalDisk`."""

    async def measure(self, clip: Path) -> float:
        """How many seconds of a clip can be played. Raises `Invalid` for what is certainly no video."""

    async def poster(self, video: Path, to: Path) -> None:
        """A representative still as JPEG."""

    async def probe(self, video: Path) -> Probe:
        """Decodes the whole file. Raises `Invalid` if it does not play to its end."""


if not TYPE_CHECKING:  # for the type checker only what is here exists
    __getattr__ = former_names(__name__)
