"""Handle Ctrl-C in a command, from its first import to its last line. This module imports nothing slow.

- While the command line is imported and parsed, Ctrl-C ends the process at once, with 130: nothing was done yet.
- While a command runs, Python handles it: by `KeyboardInterrupt`, or by cancelling what `asyncio.run` runs.
- After that Ctrl-C is ignored: the process is about to end, and its exit code says how the command ended.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

EXIT_CODE = 130


def exit_on_interrupt() -> None:
    """Let Ctrl-C end this process at once from now on, unless the parent made it ignore Ctrl-C.

    The handler raises no exception: one that is raised during an import ends in a traceback, or in a library's error.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _exit)


@contextmanager
def open_interrupts() -> Iterator[None]:
    """Let Python handle Ctrl-C inside, and ignore it afterwards. Without `exit_on_interrupt`, change nothing."""
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
