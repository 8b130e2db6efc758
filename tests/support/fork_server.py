"""Forks `python -m MODULE …` from a process that has imported everything: a start takes 20 ms of CPU instead of 1 s.

What it starts is the real thing in every other way: a process with arguments, environment, folder, streams and session
of its own, killed by a real signal. One server serves all processes of a test run, and ends when the last one closes
its connection. The client is `tests.support.processes`. Linux only: the socket has an abstract name.
"""

import atexit
import fcntl
import gc
import json
import multiprocessing
import multiprocessing.context
import multiprocessing.forkserver
import multiprocessing.util
import os
import runpy
import selectors
import signal
import socket
import sys
import traceback
import warnings
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

_REQUEST_AT_MOST = 200_000
_FDS_AT_MOST = 16
_ABOVE_ALL = 500
"""File descriptors of a test have lower numbers."""
_CALLED_WITHIN_S = 60
_WORKER = "subscriber"


@dataclass(frozen=True)
class Order:
    """One process to start: `module` with `arguments`; `fds` are the numbers that the received descriptors get."""

    module: str
    arguments: list[str]
    environment: dict[str, str]
    folder: str
    fds: list[int]


class Server:
    """Starts a process for each order, and tells the connection its pid and, in the end, its exit status.

    A connection without an order keeps the server up. A process whose connection is closed is killed with its group.
    """

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._selector = selectors.DefaultSelector()
        self._awake, self._wake = socket.socketpair()
        self._callers: set[socket.socket] = set()
        self._running: dict[int, socket.socket] = {}
        for sock in (listener, self._awake, self._wake):
            sock.setblocking(False)
        self._selector.register(listener, selectors.EVENT_READ, self._greet)
        self._selector.register(self._awake, selectors.EVENT_READ, self._reap)

    def serve(self) -> tuple[Order, list[int]] | None:
        """In a forked process its order and descriptors; None in the server, when nobody is connected any more."""
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        events = self._selector.select(_CALLED_WITHIN_S)
        while events:
            for key, _ in events:
                mine: tuple[Order, list[int]] | None = key.data(key.fileobj)
                if mine:
                    return mine
            events = self._selector.select() if self._callers else []
        return None

    def _greet(self, _: socket.socket) -> None:
        with suppress(BlockingIOError):
            caller, _address = self._listener.accept()
            self._callers.add(caller)
            self._selector.register(caller, selectors.EVENT_READ, self._hear)

    def _hear(self, caller: socket.socket) -> tuple[Order, list[int]] | None:
        try:
            said, fds, *_ = socket.recv_fds(caller, _REQUEST_AT_MOST, _FDS_AT_MOST)
        except OSError:
            said, fds = b"", []
        if not said:
            self._part_with(caller)
            return None
        pid = os.fork()
        if not pid:
            os.setsid()
            _tell(caller, {"pid": os.getpid()})
            self._forget_everything()
            return Order(**json.loads(said)), fds
        for fd in fds:
            os.close(fd)
        self._running[pid] = caller
        return None

    def _reap(self, _: socket.socket) -> None:
        with suppress(BlockingIOError):
            self._awake.recv(4096)
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                caller = self._running.pop(found[0])
                _tell(caller, {"status": os.waitstatus_to_exitcode(found[1])})

    def _part_with(self, caller: socket.socket) -> None:
        for pid in [pid for pid, other in self._running.items() if other is caller]:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        self._selector.unregister(caller)
        self._callers.discard(caller)
        caller.close()

    def _forget_everything(self) -> None:
        """In a forked process: nothing of the server is closed twice, and no signal is its own."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._selector.close()
        for sock in (self._listener, self._awake, self._wake, *self._callers):
            os.close(sock.detach())


def _tell(caller: socket.socket, news: dict[str, int]) -> None:
    with suppress(OSError):  # the other end is closed
        caller.send(json.dumps(news).encode())


def become(order: Order, received: list[int]) -> int:
    """Be the process that was ordered, until its module has run. Return its exit status."""
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD, _ABOVE_ALL) for fd in received]
    os.closerange(3, _ABOVE_ALL)
    for fd, number in zip(high, order.fds, strict=True):
        os.dup2(fd, number)
        os.close(fd)
    os.chdir(order.folder)
    os.environ.clear()
    os.environ.update(order.environment)
    os.environ.setdefault("REELBUS_CHECKS", "off")  # a child and a second of CPU for each worker
    sys.argv[1:] = order.arguments
    if order.module == _WORKER:
        fork_what_is_spawned()
    try:
        runpy.run_module(order.module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return 1
    except KeyboardInterrupt:
        traceback.print_exc()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:  # noqa: BLE001 - as the interpreter does at its end
        traceback.print_exc()
        return 1
    return 0


def fork_what_is_spawned() -> None:
    """Fork a worker's renderers too, which saves 0.6 s of CPU for each worker.

    multiprocessing's own fork server does it. It is forked here, where no thread runs yet.
    """
    context = multiprocessing.get_context("forkserver")
    spawn = multiprocessing.util.spawnv_passfds
    multiprocessing.util.spawnv_passfds = _fork_command  # type: ignore[assignment]
    try:
        multiprocessing.forkserver.ensure_running()
    finally:
        multiprocessing.util.spawnv_passfds = spawn
    vars(multiprocessing.context)["_concrete_contexts"]["spawn"] = context


def _fork_command(_: str, arguments: list[str], fds: list[int]) -> int:
    """`python … -c CODE` with these descriptors, as `spawnv_passfds` starts it."""
    if pid := os.fork():
        return pid
    try:
        kept = sorted({0, 1, 2, *fds})
        for low, high in pairwise([*kept, _ABOVE_ALL]):
            os.closerange(low + 1, high)
        exec(arguments[-1], {})  # multiprocessing's own two lines
    finally:
        os._exit(0)


def main() -> None:
    """`python -m tests.support.fork_server NAME`: return at once, and serve in the background unless another does."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        listener.bind(f"\0{sys.argv[1]}")
    except OSError:
        return
    listener.listen(socket.SOMAXCONN)
    if os.fork():
        return
    os.setsid()
    statuses = [0]
    # Registered first, so run last: what the process imported is not torn down, which would copy the shared memory.
    atexit.register(_exit_with, statuses)
    with open(os.devnull, "r+b") as nowhere:
        os.dup2(nowhere.fileno(), 0)
        os.dup2(nowhere.fileno(), 1)
    from tests.support import preload

    preload.import_everything()
    gc.collect()
    gc.freeze()
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="runpy")  # the module is imported already
    if order := Server(listener).serve():
        statuses[0] = become(*order)


def _exit_with(statuses: list[int]) -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(statuses[0])


if __name__ == "__main__":
    main()
