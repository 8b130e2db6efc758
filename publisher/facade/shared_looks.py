"""What event streams share: one look at the stores serves all streams of one job, film or list in this process."""

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

S = TypeVar("S")
W = TypeVar("W")
SLOWEST = 5
"""The pause between two looks grows to this multiple of `look_every_s`. A state is shown so much later, and no end."""


class SharedLooks(Generic[S, W]):
    """What is watched by streams, by the key of its subject, for as long as a stream watches it."""

    def __init__(self, build: Callable[[S], W], *, key_of: Callable[[S], Hashable]) -> None:
        self._build, self._key_of = build, key_of
        self._watched: dict[Hashable, W] = {}
        self._streams: dict[Hashable, int] = {}

    @property
    def count(self) -> int:
        """How many subjects have streams."""
        return len(self._watched)

    @contextmanager
    def watch(self, subject: S) -> Iterator[W]:
        """Return what the streams of this subject share, for one more stream, until the context ends."""
        key = self._key_of(subject)
        if key not in self._watched:
            self._watched[key] = self._build(subject)
        self._streams[key] = self._streams.get(key, 0) + 1
        try:
            yield self._watched[key]
        finally:
            self._streams[key] -= 1
            if not self._streams[key]:
                del self._streams[key], self._watched[key]
