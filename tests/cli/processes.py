"""Starts `reelbus` as a user would, on a data folder of its own, and leaves nothing running."""

import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Running:
    """A command under way. All processes that it started share its stderr: when that ends, they are all gone."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def line(self) -> str:
        """The next line on stdout, once it is there."""
        assert self.process.stdout
        return self.process.stdout.readline()

    def complaint(self, pattern: str) -> str:
        """Waits for a line on stderr that matches, and gives its first group."""
        assert self.process.stderr
        for line in self.process.stderr:
            if found := re.search(pattern, line):
                return found[1]
        raise AssertionError(f"it ended without saying {pattern}")

    def signal(self, number: int) -> None:
        """To this process alone."""
        self.process.send_signal(number)

    def end(self) -> tuple[int, str, str]:
        """Exit code, stdout and stderr, once it and everything that it started is gone."""
        out, err = self.process.communicate(timeout=25)
        return self.process.returncode, out, err

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
        process = subprocess.Popen(
            [sys.executable, "-m", "publisher", *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "REELBUS_DATA_DIR": str(self.folder / "data"), **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        running = Running(process)
        self._started.append(running)
        return running

    def run(self, *arguments: str, **variables: str) -> tuple[int, str, str]:
        """From the start to the end."""
        return self.start(*arguments, **variables).end()

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
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(running.process.pid, signal.SIGKILL)
            with suppress(ValueError):
                running.process.communicate(timeout=25)


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
