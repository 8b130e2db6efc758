"""Starts `reelbus` as a user would, on a data folder of its own, and leaves nothing running."""

import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from tests.support.processes import ROOT, Process, fork

__all__ = ["ROOT", "Processes", "Running", "watched"]

ENDED_WITHIN_S = 25


class Running:
    """A command under way. All processes that it started share its stderr: when that ends, they are all gone."""

    def __init__(self, process: "Process | subprocess.Popen[bytes]", stdout: TextIO, stderr: TextIO) -> None:
        self.process = process
        self._stdout, self._stderr = stdout, stderr

    def line(self) -> str:
        """The next line on stdout, once it is there."""
        return self._stdout.readline()

    def complaint(self, pattern: str) -> str:
        """Waits for a line on stderr that matches, and gives its first group."""
        for line in self._stderr:
            if found := re.search(pattern, line):
                return found[1]
        raise AssertionError(f"it ended without saying {pattern}")

    def signal(self, number: int) -> None:
        """To this process alone."""
        self.process.send_signal(number)

    def end(self, within_s: float = ENDED_WITHIN_S) -> tuple[int, str, str]:
        """Exit code, stdout and stderr, once it and everything that it started is gone."""
        with ThreadPoolExecutor(2) as pool:
            reading = [pool.submit(stream.read) for stream in (self._stdout, self._stderr)]
            try:
                out, err = (each.result(within_s) for each in reading)
            except TimeoutError:
                self.kill()
                raise
        self.close()
        return self.process.wait(ENDED_WITHIN_S), out, err

    def kill(self) -> None:
        """SIGKILL for it, and for what it started in its session."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def close(self) -> None:
        """Read no more of what it says."""
        self._stdout.close()
        self._stderr.close()

    def child(self, words: str) -> int:
        """The id of its child with these words in the command."""
        listing = subprocess.check_output(["ps", "-A", "-o", "pid=,ppid=,command="], text=True)
        rows = [line.split(maxsplit=2) for line in listing.splitlines()]
        return next(int(pid) for pid, parent, command in rows if int(parent) == self.process.pid and words in command)


class Processes:
    """The commands of one test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[Running] = []

    def start(self, *arguments: str, **variables: str) -> Running:
        """`reelbus …` in that folder, in a session of its own."""
        return self._start(arguments, variables, fork_it=True)

    def start_anew(self, *arguments: str, **variables: str) -> Running:
        """The same with an interpreter of its own, for what happens while it loads."""
        return self._start(arguments, variables, fork_it=False)

    def _start(self, arguments: Sequence[str], variables: Mapping[str, str], *, fork_it: bool) -> Running:
        ours = {"PYTHONPATH": str(ROOT), "REELBUS_DATA_DIR": str(self.folder / "data"), "REELBUS_RENDERERS": "1"}
        environment = {**os.environ, **ours, **variables}
        (out, out_there), (err, err_there) = os.pipe(), os.pipe()
        process: Process | subprocess.Popen[bytes]
        if fork_it:
            process = fork(
                "publisher", *arguments, env=environment, cwd=self.folder, stdout=out_there, stderr=err_there
            )
        else:
            process = subprocess.Popen(
                [sys.executable, "-m", "publisher", *arguments],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out_there,
                stderr=err_there,
                start_new_session=True,
            )
        os.close(out_there)
        os.close(err_there)
        running = Running(process, os.fdopen(out), os.fdopen(err))
        self._started.append(running)
        return running

    def run(self, *arguments: str, **variables: str) -> tuple[int, str, str]:
        """From the start to the end."""
        return self.start(*arguments, **variables).end()

    def run_anew(self, *arguments: str, **variables: str) -> tuple[int, str, str]:
        """The same with an interpreter of its own."""
        return self.start_anew(*arguments, **variables).end()

    def up(self) -> tuple[Running, str]:
        """Facade and worker, ready, and where the facade is."""
        running = self.start("up", "--port", "0")
        return running, _address(running.line())

    def serve(self, port: int = 0) -> tuple[Running, str]:
        """A facade, ready, and where it is."""
        running = self.start("serve", "--port", str(port))
        return running, running.complaint(r"Listening on (http://\S+)")

    def end(self) -> None:
        """Whatever a failed test left; children lead groups of their own, and end with their parent."""
        for running in self._started:
            running.kill()
            running.process.wait(ENDED_WITHIN_S)
            running.close()


def _address(line: str) -> str:
    found = re.match(r"Ready at (http://\S+) ", line)
    assert found, line
    return found[1]


@contextmanager
def watched(pid: int) -> Iterator[Callable[[float], bool]]:
    """A process that is not a child of ours, and a way to wait until it is gone."""
    handle = os.pidfd_open(pid)
    try:
        yield lambda timeout_s: bool(select.select([handle], [], [], timeout_s)[0])
    finally:
        os.close(handle)
