"""A subscriber client that says goodbye: it ends its side of a streaming pull before it cuts the line.

The library only cuts it. Whatever is under way then stays leased to a consumer that is gone until its deadline passes,
and Google's emulator 0.8.20 goes on sending there: the next consumer waited 10 to 30 s, and 0.1 s with a goodbye.
"""

import threading
from collections.abc import Iterator
from typing import Any

from google.cloud.pubsub_v1 import SubscriberClient

_ANSWER_WITHIN_S = 0.5
"""The library waits a second for its reader to end."""


class PoliteSubscriberClient(SubscriberClient):  # type: ignore[misc]  # the library has no types
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
