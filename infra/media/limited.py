"""Child processes for files that may be hostile: each call has a limit of time and memory, and a child may die.

A codec that loops, that wants all memory or that breaks its process takes down one child, and not the worker. A child
is started at the first call, and kept: its imports cost more than the look at one video.
"""

import asyncio
import importlib
import multiprocessing
import multiprocessing.connection
import resource
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeAlias

from infra.parent import exit_with_parent

MEMORY_AT_MOST_BYTES = 2 << 30
"""Of one child. A video in 4k needs about 0.5 GiB."""


_Call: TypeAlias = tuple[str, str, tuple[Any, ...], float]
"""The module, the function, its arguments, and the seconds of CPU time that it may take."""


class CallFailed(Exception):
    """The call had no result: it raised an error, its child died, or it was not finished in time."""


class CallRaised(CallFailed):
    """The function raised an error, which says more of its arguments than of this machine."""


class LimitedProcesses:
    """Runs functions of our own modules in up to `count` child processes."""

    def __init__(self, count: int, *, memory_bytes: int = MEMORY_AT_MOST_BYTES) -> None:
        self._memory_bytes = memory_bytes
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="limited-process")
        self._of_thread = threading.local()
        self._children: set[_Child] = set()
        self._closing = threading.Event()

    async def run(
        self, module: str, function: str, *arguments: Any, within_s: float, cpu_at_most_s: float | None = None
    ) -> Any:
        """Return what `module.function(*arguments)` returns. Raises `CallFailed`, also if all children are busy.

        `cpu_at_most_s` is the CPU time that the call may take; the system counts up to two seconds more. By default
        that is `within_s`.
        """
        deadline = time.monotonic() + within_s
        call = (module, function, arguments, cpu_at_most_s or within_s)
        running = asyncio.get_running_loop().run_in_executor(self._threads, self._run, call, deadline)
        try:
            # The thread keeps the deadline of a call that has begun; this is for one that waits for a child.
            return await asyncio.wait_for(running, within_s + 1)
        except TimeoutError:
            raise CallFailed(f"it was not begun within {within_s:g} s") from None

    def close(self) -> None:
        """Kill the children, and with them what they work on."""
        self._closing.set()
        for child in list(self._children):
            child.kill()
        self._threads.shutdown(wait=False)

    def _run(self, call: _Call, deadline: float) -> Any:
        if self._closing.is_set():
            raise CallFailed("this process ends")
        child: _Child | None = getattr(self._of_thread, "child", None)
        if child is None:
            child = self._of_thread.child = _Child(self._memory_bytes)
            self._children.add(child)
        if self._closing.is_set():  # meanwhile
            child.kill()
        try:
            is_result, answer = child.call(call, deadline - time.monotonic())
        except (CallFailed, OSError, EOFError) as error:
            child.kill()
            self._children.discard(child)
            self._of_thread.child = None
            raise error if isinstance(error, CallFailed) else CallFailed(child.cause_of_death(call)) from error
        if not is_result:
            raise CallRaised(answer)
        return answer


class _Child:
    """One process. Every method but `kill` belongs to one thread."""

    def __init__(self, memory_bytes: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        self._process = spawn.Process(target=serve, args=(theirs, memory_bytes), daemon=True)
        self._process.start()
        theirs.close()

    def call(self, call: _Call, within_s: float) -> tuple[bool, Any]:
        if within_s <= 0:
            raise CallFailed("it was not begun in time")
        self._pipe.send(call)
        if not self._pipe.poll(within_s):
            raise CallFailed(f"it was not finished after {within_s:.0f} s")
        found: tuple[bool, Any] = self._pipe.recv()
        return found

    def cause_of_death(self, call: _Call) -> str:
        """Return why the process ended during this call, as the end of a sentence."""
        took_too_long = self._process.exitcode == -signal.SIGXCPU
        return f"it took more than {call[3]:.0f} s of CPU time" if took_too_long else "its process died"

    def kill(self) -> None:
        """End the process at once. The reading end sees that the file ends."""
        self._process.kill()
        self._process.join()


def serve(pipe: "multiprocessing.connection.Connection[Any, Any]", memory_bytes: int) -> None:
    """Be the child: answer calls until the parent closes the pipe or ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent handles it
    parent = multiprocessing.parent_process()
    if parent is not None:
        exit_with_parent(parent.sentinel, grace_s=0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(ValueError, OSError):  # a lower limit is set already
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, resource.getrlimit(resource.RLIMIT_DATA)[1]))
    with suppress(EOFError, OSError):
        while True:
            module, function, arguments, cpu_at_most_s = pipe.recv()
            _limit_cpu(cpu_at_most_s)
            try:
                answer = (True, getattr(importlib.import_module(module), function)(*arguments))
            except Exception as error:  # noqa: BLE001  the codecs and numpy raise errors of many types
                reason = getattr(error, "strerror", None) or str(error)  # `strerror` names no file
                answer = (False, f"{type(error).__name__}: {reason}"[:300])
            pipe.send(answer)


def _limit_cpu(seconds: float) -> None:
    """Let the system kill this process if it computes for longer, also if its parent gave up, or died."""
    used = time.process_time()
    with suppress(ValueError, OSError):
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        resource.setrlimit(resource.RLIMIT_CPU, (int(used + seconds) + 2, hard))
