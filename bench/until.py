"""Waits for what a process will have done at some time, and says so where it never does."""

import statistics
import time
from collections.abc import Callable

LOOK_EVERY_S = 0.2


def until(done: Callable[[], bool], what: str, *, within_s: float, look_every_s: float = LOOK_EVERY_S) -> None:
    """Looks again and again. Raises `TimeoutError`."""
    deadline = time.monotonic() + within_s
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {within_s:g} s")
        time.sleep(look_every_s)


def settled(read: Callable[[], float], *, looks: int = 15, pause_s: float = 1.0) -> float:
    """The median of several looks: a single one may fall into a burst."""
    found = []
    for _ in range(looks):
        time.sleep(pause_s)
        found.append(read())
    return statistics.median(found)
