"""What a flow asks of a client: one HTTP call, one download, or a pause.

A flow is a generator. It knows the rules of reelbus and no transport, so that the sync and the async client share it:
each performs the steps in its own way, and sends the answer or throws the error into the generator.
"""

import json
import random
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from reelbus_client.errors import ReelbusError, WaitTimeout

T = TypeVar("T")
MARGIN_S = 15.0
"""How long a server may take beyond the wait that was asked for."""
_FIRST_S, _AT_MOST_S, _RETRY_AFTER_AT_MOST_S = 0.25, 5.0, 60.0


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP call. Its answer may have any status."""

    method: str
    path: str
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = MARGIN_S
    video_id: str | None = None
    """The job, for the error if no answer comes."""
    save_to: Path | None = None
    """Where the body of a 200 is stored; no key is sent then. `path` may be a whole address."""

    def within(self, seconds: float) -> Self:
        """Return the call with a shorter limit, if it is shorter."""
        return replace(self, timeout_s=min(self.timeout_s, seconds))


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds."""

    seconds: float

    def within(self, seconds: float) -> Self:
        """Return a shorter pause, if it is shorter."""
        return replace(self, seconds=min(self.seconds, seconds))


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of a server; that of a pause is empty."""

    status: int = 0
    reason: str = ""
    content: bytes = b""
    retry_after: str | None = None

    def json(self) -> Any:
        """Return the body; None if it is not JSON."""
        try:
            return json.loads(self.content)
        except ValueError:
            return None

    @property
    def retry_after_s(self) -> float | None:
        """The `Retry-After` header, which has seconds or a date; None without one."""
        given = (self.retry_after or "").strip()
        if given.isascii() and given.isdigit():
            return float(given)
        try:
            return max(0.0, parsedate_to_datetime(given).timestamp() - time.time())
        except ValueError:
            return None


Step = Call | Pause
Flow = Generator[Step, Answer, T]


class Patience:
    """The retries of one call: pauses grow, and end if no answer has helped for too long."""

    def __init__(self, at_most_s: float) -> None:
        self._at_most_s = at_most_s
        self.reset()

    def reset(self) -> None:
        """Note an answer that helped: the next pause is short again."""
        self._heard_at = time.monotonic()
        self._next_s = _FIRST_S

    def pause(self, error: ReelbusError) -> Pause:
        """Return the pause before the next try: as the server asked, or longer each time. Raises `error` at the end."""
        if time.monotonic() - self._heard_at > self._at_most_s:
            raise error
        asked_s = error.retry_after_s
        seconds = self._next_s * random.uniform(0.5, 1) if asked_s is None else min(asked_s, _RETRY_AFTER_AT_MOST_S)
        self._next_s = min(self._next_s * 2, _AT_MOST_S)
        return Pause(seconds)


def limit(flow: Flow[T], timeout_s: float | None) -> Flow[T]:
    """Return the flow that raises `WaitTimeout` after so many seconds; None: without a limit."""
    return flow if timeout_s is None else _limit(flow, timeout_s)


def _limit(flow: Flow[T], timeout_s: float) -> Flow[T]:
    ends_at = time.monotonic() + timeout_s
    try:
        step = next(flow)
        while True:
            try:
                remaining_s = ends_at - time.monotonic()
                if remaining_s <= 0:
                    raise WaitTimeout(timeout_s)
                answer = yield step.within(remaining_s)
            except ReelbusError as error:
                is_late = error.status is None and time.monotonic() >= ends_at
                step = flow.throw(WaitTimeout(timeout_s) if is_late else error)
            except BaseException as error:  # noqa: BLE001 - the flow notes its job in it, and raises it again
                step = flow.throw(error)
            else:
                step = flow.send(answer)
    except StopIteration as end:
        result: T = end.value
        return result
