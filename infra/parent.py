"""End a child process when its parent is gone, even if the parent was killed.

The parent holds the writing end of a pipe and never writes to it; the child reads the other end. The operating system
closes the parent's end when the parent ends, and the child then reads the end of the file.
"""

import os
import signal
import threading
import time


def exit_with_parent(fd: int, *, grace_s: float) -> None:
    """Send this process SIGTERM when the pipe closes, and SIGKILL if it still runs after `grace_s`."""

    def follow() -> None:
        while os.read(fd, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace_s)
        os.kill(os.getpid(), signal.SIGKILL)

    # A thread, because the event loop can't watch every kind of file descriptor.
    threading.Thread(target=follow, name="parent-watch", daemon=True).start()
