"""How many calls may wait for a look at music. Each of them holds the room of its body and a slot meanwhile.

Files are looked at one after the other, and a hostile one takes as long as a look may last. Without a bound such calls
would fill all slots of the process, and other callers' requests would be refused.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import Unavailable

LOOKS_AT_MOST = 4
_LATER_S = 10.0


class TooManyLooks(Unavailable):
    """Other music is being looked at; nothing was ordered."""


class MusicLooks:
    """The looks at music of one process: at most one of each named caller, and `at_most` in all."""

    def __init__(self, at_most: int = LOOKS_AT_MOST) -> None:
        self._at_most = at_most
        self._callers = list[str | None]()

    @contextmanager
    def hold(self, caller: str | None) -> Iterator[None]:
        """Count a look until the context ends. Raises `TooManyLooks` at once if there is no room for it."""
        if caller is not None and caller in self._callers:
            raise TooManyLooks(
                "other music of the same caller is being looked at; send it again when that is done",
                retry_after_s=_LATER_S,
            )
        if len(self._callers) >= self._at_most:
            raise TooManyLooks(
                f"the music of {self._at_most} other films is being looked at, which is the limit; nothing was ordered",
                retry_after_s=_LATER_S,
            )
        self._callers.append(caller)
        try:
            yield
        finally:
            self._callers.remove(caller)
