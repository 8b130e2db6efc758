"""Ends a child when its parent is gone, however it went.

The parent holds the writing end of a pipe and never writes; the child reads. Even a parent that was killed lets go of
its end, and the child sees the end of the file.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_PARENT_GRACE_S = 45.0
"""A submit under way may take 30 s, and is not to be cut off."""


@contextmanager
def lifeline() -> Iterator[int]:
    """The end for the children. They must end before this does, or because of it."""
    reading, writing = os.pipe()
    try:
        yield reading
    finally:
        os.close(writing)
        os.close(reading)


def hold(reading: int) -> None:
    """From now on this process gets SIGTERM once its parent is gone, and SIGKILL if it doesn't follow."""
    threading.Thread(target=_follow, args=(reading,), name="lifeline", daemon=True).start()


def _follow(reading: int) -> None:
    while os.read(reading, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_PARENT_GRACE_S)
    os.kill(os.getpid(), signal.SIGKILL)
