"""What Ctrl-C does to a command, from its first import to its last line. Imports nothing slow itself.

- While the command line is loaded and read, nothing was done yet: the process ends at once, with 130.
- While a command runs, Python's own way: `KeyboardInterrupt`, or the cancellation of what `asyncio.run` runs.
- After that it is ignored: the process is ending anyway, and its exit code says how the command ended.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

EXIT_CODE = 130


def exit_on_interrupt() -> None:
    """From now on Ctrl-C ends this process at once. A parent that ignores Ctrl-C for us has its way.

    Not by an exception: one that is raised during an import ends in a traceback, or in an error of a library.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _exit)


@contextmanager
def open_interrupts() -> Iterator[None]:
    """Python's own way inside, and none afterwards; no change in a process that `exit_on_interrupt` does not rule."""
    if signal.getsignal(signal.SIGINT) is not _exit:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _exit(_: int, __: FrameType | None) -> NoReturn:
    os.write(2, b"Error: Interrupted; nothing was done\n")
    os._exit(EXIT_CODE)
