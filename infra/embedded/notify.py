"""The hint that something lies on a topic, from one process to the others, so that nothing waits for a poll.

Each process that listens has a FIFO named for the topic, and whoever publishes writes a byte to it. It is a hint
only: it may be lost, and whoever listens polls as well.
"""

import asyncio
import errno
import logging
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

logger = logging.getLogger(__name__)
Nudge = Callable[[], None]


@dataclass(kw_only=True, slots=True)
class _Listener:
    """Where this process hears of one topic. Without a FIFO it hears only itself."""

    fifo: int | None
    path: Path
    nudges: list[Nudge] = field(default_factory=list)

    def nudge(self) -> None:
        for nudge in tuple(self.nudges):
            nudge()


class Notifier:
    """Hints of one process, given and heard."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ears: dict[str, _Listener] = {}
        self._hinted: set[str] = set()

    @contextmanager
    def listen(self, topic: str, nudge: Nudge) -> Iterator[None]:
        """`nudge` is called whenever something may lie on the topic."""
        ear = self._ears.get(topic) or self._grow(topic)
        ear.nudges.append(nudge)
        try:
            yield
        finally:
            ear.nudges.remove(nudge)
            if not ear.nudges:
                self._drop(topic)

    def notify(self, topic: str) -> None:
        """Tell everybody. Other processes hear once of all the hints that come together, as after one commit."""
        if ear := self._ears.get(topic):
            ear.nudge()
        if not self._hinted:
            asyncio.get_running_loop().call_soon(self.flush)
        self._hinted.add(topic)

    def flush(self) -> None:
        """Pass the hints on to the other processes now."""
        prefixes = tuple(_prefix(topic) for topic in self._hinted)
        self._hinted.clear()
        own = {ear.path.name for ear in self._ears.values()}
        with suppress(OSError):
            for name in os.listdir(self._folder):
                if name.startswith(prefixes) and name not in own:
                    _signal(self._folder / name)

    def _grow(self, topic: str) -> _Listener:
        path = self._folder / f"{_prefix(topic)}{secrets.token_hex(8)}"
        ear = _Listener(fifo=_make_fifo(path), path=path)
        if ear.fifo is not None:
            asyncio.get_running_loop().add_reader(ear.fifo, _read_signals, ear.fifo, ear)
        self._ears[topic] = ear
        return ear

    def _drop(self, topic: str) -> None:
        ear = self._ears.pop(topic)
        if ear.fifo is None:
            return
        asyncio.get_running_loop().remove_reader(ear.fifo)
        ear.path.unlink(missing_ok=True)
        os.close(ear.fifo)


def _prefix(topic: str) -> str:
    # "@" never comes out of quote(), so that no topic's prefix is the beginning of another's.
    return f"{quote(topic, safe='')[:150]}@"


def _make_fifo(path: Path) -> int | None:
    """Open before it has its name: a FIFO without a reader is taken for a dead process's and removed."""
    hidden = path.with_name(f".{path.name}")
    try:
        path.parent.mkdir(exist_ok=True)  # no parents: a data folder that was deleted is not made again
        os.mkfifo(hidden, 0o600)
        # Also open for writing, or it would read as ended whenever the last writer closes.
        fifo = os.open(hidden, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        hidden.rename(path)
    except OSError as error:
        logger.warning("no wake-up hints here, polling only", extra={"action": "wake_unavailable", "cause": str(error)})
        return None
    return fifo


def _read_signals(fifo: int, ear: _Listener) -> None:
    with suppress(BlockingIOError):
        os.read(fifo, 4096)
    ear.nudge()


def _signal(path: Path) -> None:
    try:
        fifo = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:  # nobody has it open: its process was killed
            path.unlink(missing_ok=True)
        return
    with suppress(OSError):  # full: it wakes up anyway; broken: it has just left
        os.write(fifo, b"!")
    os.close(fifo)
