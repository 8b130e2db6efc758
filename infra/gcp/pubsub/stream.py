"""One streaming pull, brought from the client library's threads to the event loop.

The library leases what it gave out only while its pull is open, and our promise goes further: what was handed out
stays leased after the flow has stopped, until it is settled. So the pull's shutdown is held up in the scheduler,
which the library lets us bring along: it stops reading first, then asks the scheduler to wait for its callbacks, and
only then ends the lease keeper and the sender of acks (google-cloud-pubsub 2.44, `StreamingPullManager._shutdown`).

A subscriber client that says goodbye: it ends its side of a streaming pull before it cuts the line.

The library only cuts it. Whatever is under way then stays leased to a consumer that is gone until its deadline passes,
and Google's emulator 0.8.20 goes on sending there: the next consumer waited 10 to 30 s, and 0.1 s with a goodbye.
"""

import asyncio
import math
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from google.cloud.pubsub_v1 import SubscriberClient
from google.cloud.pubsub_v1.subscriber.message import Message as Received
from google.cloud.pubsub_v1.subscriber.scheduler import Scheduler
from google.cloud.pubsub_v1.types import FlowControl

LEASE_AT_MOST_S = 24 * 3600
"""A message that waits for quota all day keeps its lease."""
DEADLINES_S = (10, 600)
"""Of a lease extension: https://cloud.google.com/pubsub/docs/lease-management"""


class Stream:
    """Calls back on the event loop alone: `arrived` per message, `stopping` once no more come, `ended` at the end."""

    def __init__(
        self,
        *,
        arrived: Callable[[Received], None],
        stopping: Callable[[], None],
        ended: Callable[[BaseException | None], None],
    ) -> None:
        self._arrived = arrived
        self._ended = ended
        self._asked = False
        self._settled = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._scheduler = _LoopScheduler(self._call, lambda: self._wait(stopping))

    def open(self, client: SubscriberClient, path: str, *, limit: int, ack_deadline_s: float) -> None:
        """Starts to pull."""
        self._future = client.subscribe(
            path,
            self._arrived,
            flow_control=flow_control(limit, ack_deadline_s),
            scheduler=self._scheduler,
            await_callbacks_on_shutdown=True,
        )
        self._future.add_done_callback(lambda _: self._call(self._end))

    def close(self) -> None:
        """Stops pulling. What was handed out is leased, and can be settled, until `let_go`."""
        self._asked = True
        self._future.cancel()

    def release(self) -> None:
        """Nothing that was handed out is unsettled any more."""
        self._settled.set()

    def _wait(self, stopping: Callable[[], None]) -> None:
        """In the library's thread. A pull that broke by itself can't send anything: there is nothing to wait for."""
        if self._call(stopping) and self._asked:
            self._settled.wait()

    def _end(self) -> None:
        self._ended(self._future.exception())

    def _call(self, callback: Callable[..., None], *arguments: Any) -> bool:
        with suppress(RuntimeError):  # the loop is closed: nobody is there to be told
            self._loop.call_soon_threadsafe(callback, *arguments)
            return True
        return False


def flow_control(limit: int, ack_deadline_s: float) -> FlowControl:
    """Never more than `limit`, at Pub/Sub and here; a crashed process's messages come again after the deadline."""
    deadline_s = min(max(math.ceil(ack_deadline_s), DEADLINES_S[0]), DEADLINES_S[1])  # the wire takes whole ones
    return FlowControl(
        max_messages=limit,
        max_lease_duration=LEASE_AT_MOST_S,
        min_duration_per_lease_extension=deadline_s,
        max_duration_per_lease_extension=deadline_s,
    )


class _LoopScheduler(Scheduler):  # type: ignore[misc]  # the library has no types
    """Takes the place of the library's ten threads per pull."""

    def __init__(self, call: Callable[..., bool], wait: Callable[[], None]) -> None:
        self._call = call
        self._wait = wait
        self._queue: queue.Queue[Any] = queue.Queue()

    @property
    def queue(self) -> "queue.Queue[Any]":
        return self._queue

    def schedule(self, callback: Callable[..., None], *arguments: Any, **_: Any) -> None:
        self._call(callback, *arguments)

    def shutdown(self, await_msg_callbacks: bool = False) -> list[Received]:
        del await_msg_callbacks  # always
        self._wait()
        return []


_ANSWER_WITHIN_S = 0.5
"""The library waits a second for its reader to end."""


class HalfClosingSubscriberClient(SubscriberClient):  # type: ignore[misc]  # the library has no types
    """Its streaming pulls end in two steps."""

    def streaming_pull(self, *arguments: Any, **named: Any) -> "_Call":
        return _Call(super().streaming_pull(*arguments, **named))


class _Call:
    """Stands for the call. The library cancels it, and then ends its requests: the second alone is the goodbye."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def cancel(self) -> None:
        """Only if the answer to the goodbye doesn't come."""
        overdue = threading.Timer(_ANSWER_WITHIN_S, self._call.cancel)
        overdue.daemon = True
        overdue.start()
        if not self._call.add_callback(overdue.cancel):
            overdue.cancel()  # it has ended

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._call)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)
