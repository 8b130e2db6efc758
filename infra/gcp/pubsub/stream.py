"""One streaming pull: its messages come to the event loop, and its shutdown waits for the leased messages.

The library renews the leases of delivered messages only while its pull is open. The bus promises more: a delivered
message stays leased after the stream has stopped, until it is settled. So a scheduler of ours delays the pull's
shutdown. The library stops reading first, then asks the scheduler to wait for its callbacks, and only then stops
renewing leases and sending acks (google-cloud-pubsub 2.44, `StreamingPullManager._shutdown`).

The subscriber client half-closes a streaming pull before it cancels it. The library only cancels it: messages under way
then stay leased to the closed stream until their deadline, and Google's emulator 0.8.20 continues to send there. The
next consumer waited 10 to 30 s, and 0.1 s after a half-close.
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
"""A message may wait for quota all day and keep its lease."""
DEADLINES_S = (10, 600)
"""The limits of a lease extension: https://cloud.google.com/pubsub/docs/lease-management"""


class Stream:
    """A streaming pull that calls back on the event loop only.

    It calls `on_message` for each message, `on_stop` after the last message, and `on_end` when the pull has ended.
    """

    def __init__(
        self,
        *,
        on_message: Callable[[Received], None],
        on_stop: Callable[[], None],
        on_end: Callable[[BaseException | None], None],
    ) -> None:
        self._on_message = on_message
        self._on_end = on_end
        self._closing = False
        self._settled = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._scheduler = _LoopScheduler(self._call, lambda: self._wait(on_stop))

    def open(self, client: SubscriberClient, path: str, *, limit: int, ack_deadline_s: float) -> None:
        """Start to pull."""
        self._future = client.subscribe(
            path,
            self._on_message,
            flow_control=flow_control(limit, ack_deadline_s),
            scheduler=self._scheduler,
            await_callbacks_on_shutdown=True,
        )
        self._future.add_done_callback(lambda _: self._call(lambda: self._on_end(self._future.exception())))

    def close(self) -> None:
        """Stop pulling. Delivered messages stay leased, and can be settled, until `release`."""
        self._closing = True
        self._future.cancel()

    def release(self) -> None:
        """End the pull: every delivered message is settled."""
        self._settled.set()

    def _wait(self, on_stop: Callable[[], None]) -> None:
        """Wait for `release`, in the library's thread.

        A pull that failed by itself can't send acks, so it does not wait.
        """
        if self._call(on_stop) and self._closing:
            self._settled.wait()

    def _call(self, callback: Callable[..., None], *arguments: Any) -> bool:
        with suppress(RuntimeError):  # the loop is closed: there is no callback left to call
            self._loop.call_soon_threadsafe(callback, *arguments)
            return True
        return False


def flow_control(limit: int, ack_deadline_s: float) -> FlowControl:
    """Allow at most `limit` leased messages.

    Messages of a crashed process are delivered again after the ack deadline.
    """
    deadline_s = min(max(math.ceil(ack_deadline_s), DEADLINES_S[0]), DEADLINES_S[1])  # the API takes whole seconds
    return FlowControl(
        max_messages=limit,
        max_lease_duration=LEASE_AT_MOST_S,
        min_duration_per_lease_extension=deadline_s,
        max_duration_per_lease_extension=deadline_s,
    )


class _LoopScheduler(Scheduler):  # type: ignore[misc]  # the library has no types
    """Replaces the library's ten threads per pull."""

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
        del await_msg_callbacks  # the shutdown always waits
        self._wait()
        return []


_ANSWER_WITHIN_S = 0.5
"""How long the server may take to end the stream. The library waits a second for its reader to end."""


class HalfClosingSubscriberClient(SubscriberClient):  # type: ignore[misc]  # the library has no types
    """A subscriber client that half-closes a streaming pull before it cancels it, so that leased messages return at
    once."""

    def streaming_pull(self, *arguments: Any, **named: Any) -> "_Call":
        return _Call(super().streaming_pull(*arguments, **named))


class _Call:
    """Wraps a streaming call.

    The library cancels it and then ends its requests: only the second half-closes the stream.
    """

    def __init__(self, call: Any) -> None:
        self._call = call

    def cancel(self) -> None:
        """Cancel the call only if the server does not end it after the half-close."""
        overdue = threading.Timer(_ANSWER_WITHIN_S, self._call.cancel)
        overdue.daemon = True
        overdue.start()
        if not self._call.add_callback(overdue.cancel):
            overdue.cancel()  # the call has ended already

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return next(self._call)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)
