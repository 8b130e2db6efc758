"""The video model: plan, submit, poll and recover clips."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from schemas.domain.clip import Clip, Plan
from schemas.errors import Failure
from schemas.wire.request import VideoRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerationRunning:
    """The operation has not ended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerationDone:
    """The operation ended with files: in the video store, or in the answer to the poll."""

    outputs: tuple[str, ...]
    films: tuple[bytes, ...] = field(default=(), repr=False)
    """The content of the files; only if the model does not write to the video store."""
    price_usd: Decimal | None = None
    """The price that the provider reports; None if the answer has none."""


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
    """The model does not know the operation now. The operation may still be found later, or have written its file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Foreign:
    """The operation belongs to another model, which this adapter can't ask."""


Answer = GenerationRunning | GenerationDone | GenerationFailed | Missing | Foreign
"""The answer to a poll."""


class VideoModel(Protocol):
    """Generates the clips of a video. Submits are paid, so that a new adapter must guarantee:

    - `submit` sends exactly one request, and none after `send_before`. It follows no redirect and repeats nothing.
    - `SubmitRefused` is raised only if certainly nothing was accepted. Every other error is `SubmitUnknown`.
    - Any process can poll an operation, with nothing but its name.
    - The files of an attempt are under its prefix, so that `recover` finds them after an unknown submit.
    - `Failure.charged` says what a failed operation cost: UNKNOWN if the provider does not say.

    `tests/contract/test_video_model.py` proves it; `tests/contract/model_mutants.py` has broken models that the suite
    catches.
    """

    @property
    def poll_every_s(self) -> float:
        """The pause in seconds between two polls of one operation; 0 if `poll` itself waits a little."""

    async def prepare(self) -> None:
        """Load and fetch what `submit` needs, so that a worker sends at once after it has claimed a clip.

        It costs nothing and may be repeated. Raises `Unavailable`.
        """

    def plan(self, request: VideoRequest) -> Plan:
        """Return clips, billed seconds and price. Pure, without I/O. Raises `Invalid` if the model can't make it."""

    def makes(self, model: str) -> bool:
        """Return True if it can submit a clip that was planned for this model. Other clips wait for another worker."""

    async def submit(
        self, request: VideoRequest, clip: Clip, sources: Sequence[str], *, send_before: float, previous: str = ""
    ) -> str:
        """Send the one paid request for a clip whose model it `makes`, and return the name of the operation.

        `clip.prefix` is where the files go. `sources` are the outputs of the clips before it. `previous` is the
        operation of the clip that it extends, if that is known. `send_before` is a time of `Clock.boot`. From then on
        nothing may be sent, since another worker may have taken over the clip.

        Raises `SubmitRefused` if certainly nothing was accepted. If its failure is `retryable`, the worker submits the
        clip again after a pause, until the job's deadline; else the job fails. If its category is `quota` or
        `capacity`, the worker also submits less often to this model, and not before `retry_after_s`. Raises
        `SubmitUnknown` if the request may have been accepted: the worker then searches for its files.
        """

    async def poll(self, operation: str, *, request: VideoRequest | None = None) -> Answer:
        """Return the state of an operation. It is free, and any process may ask. Raises `Unavailable`.

        `request` is the request of the operation: its words are removed from the provider's sentences, before these are
        interpreted or shown.
        """

    async def recover(self, prefix: str) -> Sequence[str]:
        """Return the names of the finished files under a work prefix, by whichever process they were submitted."""

    async def discard(self, operation: str) -> None:
        """Stop an operation whose result is not wanted any more, if the provider can. Never raises for an ended one."""
