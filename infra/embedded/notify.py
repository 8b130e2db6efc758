"""Wake-up hints between processes: a topic has new messages, so that no consumer waits for its next poll.

Each process that listens has a FIFO named for the topic. A publisher writes a byte to it. A hint may be lost, so a
consumer polls as well.
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
    """Receives the hints for one topic in this process. Without a FIFO it receives only those of its own process."""

    fifo: int | None
    path: Path
    nudges: list[Nudge] = field(default_factory=list)

    def nudge(self) -> None:
        for nudge in tuple(self.nudges):
            nudge()

    def read(self) -> None:
        """Empty the FIFO and wake the consumers."""
        assert self.fifo is not None
        with suppress(BlockingIOError):
            os.read(self.fifo, 4096)
        self.nudge()

    def close(self) -> None:
        if self.fifo is not None:
            asyncio.get_running_loop().remove_reader(self.fifo)
            self.path.unlink(missing_ok=True)
            os.close(self.fifo)


class Notifier:
    """Sends and receives the hints of one process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listeners: dict[str, _Listener] = {}
        self._pending: set[str] = set()

    @contextmanager
    def listen(self, topic: str, nudge: Nudge) -> Iterator[None]:
        """Call `nudge` whenever the topic may have new messages, until the block is left."""
        listener = self._listeners.get(topic) or self._open(topic)
        listener.nudges.append(nudge)
        try:
            yield
        finally:
            listener.nudges.remove(nudge)
            if not listener.nudges:
                del self._listeners[topic]
                listener.close()

    def notify(self, topic: str) -> None:
        """Wake all consumers. Other processes get one hint for all notifications of one turn of the event loop."""
        if listener := self._listeners.get(topic):
            listener.nudge()
        if not self._pending:
            asyncio.get_running_loop().call_soon(self.flush)
        self._pending.add(topic)

    def flush(self) -> None:
        """Send the pending hints to the other processes now."""
        prefixes = tuple(_prefix(topic) for topic in self._pending)
        self._pending.clear()
        own = {listener.path.name for listener in self._listeners.values()}
        with suppress(OSError):
            for name in os.listdir(self._folder):
                if name.startswith(prefixes) and name not in own:
                    _signal(self._folder / name)

    def _open(self, topic: str) -> _Listener:
        path = self._folder / f"{_prefix(topic)}{secrets.token_hex(8)}"
        listener = _Listener(fifo=_make_fifo(path), path=path)
        if listener.fifo is not None:
            asyncio.get_running_loop().add_reader(listener.fifo, listener.read)
        self._listeners[topic] = listener
        return listener


def _prefix(topic: str) -> str:
    # quote() never returns "@", so no topic's prefix is the beginning of another's.
    return f"{quote(topic, safe='')[:150]}@"


def _make_fifo(path: Path) -> int | None:
    """Open the FIFO before it gets its name: other processes delete a FIFO without a reader as a dead process's."""
    hidden = path.with_name(f".{path.name}")
    try:
        path.parent.mkdir(exist_ok=True)  # no parents: a deleted data folder must not be made again
        os.mkfifo(hidden, 0o600)
        # Also open for writing, else reading would end when the last writer closes.
        fifo = os.open(hidden, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        hidden.rename(path)
    except OSError as error:
        logger.warning(
            "wake-up hints are not available; consumers poll", extra={"action": "wake_unavailable", "cause": str(error)}
        )
        return None
    return fifo


def _signal(path: Path) -> None:
    try:
        fifo = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ENXIO:  # no process has it open: its owner was killed
            path.unlink(missing_ok=True)
        return
    with suppress(OSError):  # full: its owner wakes up anyway; broken: its owner has just closed it
        os.write(fifo, b"!")
    os.close(fifo)
