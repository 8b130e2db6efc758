"""One real process under measurement: what it holds, what it burns, and its end."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_STOP_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Process:
    """The leader of its own group. `said` is the first line that it said once it was ready."""

    child: "subprocess.Popen[bytes]"
    said: str
    log: Path

    def private_bytes(self) -> int:
        """Memory that would be free without it: pages that it shares with nobody."""
        text = Path(f"/proc/{self.child.pid}/smaps_rollup").read_text()
        return 1024 * sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Private_"))

    def threads(self) -> int:
        """How many it has."""
        return len(os.listdir(f"/proc/{self.child.pid}/task"))

    def cpu_s(self) -> float:
        """Processor seconds that it has used, in itself and in the kernel."""
        user, system, *_ = _ticks(self.child.pid)
        return (user + system) / _TICKS_PER_S

    def logged(self, action: str) -> Iterator[dict[str, str]]:
        """The lines of its log that say that."""
        for line in self.log.read_text().splitlines():
            if f'"action": "{action}"' in line:
                yield json.loads(line)

    def count(self, action: str) -> int:
        """How many lines of its log say that."""
        return self.log.read_bytes().count(f'"action": "{action}"'.encode())


def tree_cpu_s(pid: int) -> float:
    """Return the processor seconds of a process and all its descendants, and of those that were reaped."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(FileNotFoundError, ProcessLookupError):
                parents.setdefault(int(_stat(int(entry.name))[1]), []).append(int(entry.name))
    found, ticks = [pid], 0
    for each in found:
        with suppress(FileNotFoundError, ProcessLookupError):
            ticks += sum(_ticks(each))
        found.extend(parents.get(each, ()))
    return ticks / _TICKS_PER_S


def _ticks(pid: int) -> list[int]:
    """Return user and system time of a process, then those of its reaped children."""
    return [int(field) for field in _stat(pid)[11:15]]


def _stat(pid: int) -> list[str]:
    """Return the fields behind the program's name, which may contain blanks; the first is the state (proc(5))."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


@contextmanager
def running(
    module: str, *arguments: str, environment: Mapping[str, str], log: Path, stdin: str | None = None
) -> Iterator[Process]:
    """`python -m module`, ready once it said a line: to the file descriptor that `{ready}` among its arguments becomes,
    or to standard output."""
    reading, writing = os.pipe()
    words = [str(writing) if word == "{ready}" else word for word in arguments]
    with log.open("ab") as errors:
        child = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            cwd=log.parent,
            pass_fds=[writing],
            stdin=None if stdin is None else subprocess.PIPE,
            stdout=errors if "{ready}" in arguments else writing,
            stderr=errors,
            start_new_session=True,
        )
    os.close(writing)
    try:
        if child.stdin:
            child.stdin.write((stdin or "").encode())
            child.stdin.close()
        with os.fdopen(reading) as pipe:
            said = pipe.readline().strip()
        if not said:
            raise RuntimeError(f"{module} did not start: {log.read_text()[-2000:]}")
        yield Process(child, said, log)
    finally:
        _end(child)


def _end(child: "subprocess.Popen[bytes]") -> None:
    child.terminate()
    with suppress(subprocess.TimeoutExpired):
        child.wait(_STOP_WITHIN_S)
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
