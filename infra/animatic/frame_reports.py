"""Frame reports: how many frames of a film are written, in one small file for each operation.

The process that renders the film writes its report, and the facade reads it. A report is no part of a job's record: if
it is lost or can't be written, only the shown progress is less exact.
"""

import hashlib
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from infra.atomic_file import write_atomically

EVERY_S = 0.25
"""A film writes at most four reports a second, and no report is flushed to the disk."""
KEEP_S = 7 * 86_400.0
"""How long a report is kept that nothing updates: longer than any job may take."""


@dataclass(frozen=True, slots=True)
class FrameReport:
    """The report of one operation. Its methods block for microseconds, and never raise `OSError`."""

    path: Path

    def read(self) -> float | None:
        """Return the share of the frames that are written, 0 to 1; None if nothing is reported."""
        try:
            frames, total = map(int, self.path.read_bytes().split())
        except (OSError, ValueError):
            return None
        return min(1.0, max(0, frames) / total) if total > 0 else None

    def write(self, frames: int, total: int) -> None:
        """Replace the report."""
        with suppress(OSError), write_atomically(self.path) as part:
            part.write_text(f"{frames} {total}\n")

    def raise_to(self, frames: int, total: int) -> None:
        """Replace the report unless it says more: a film that is rendered again starts at its first frame."""
        if frames / total > (self.read() or 0):
            self.write(frames, total)

    def delete(self) -> None:
        """Delete the report if there is one."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


class FrameReporter:
    """Writes the report while a film is rendered, at most once in `EVERY_S`."""

    def __init__(self, report: FrameReport, clock: Callable[[], float] = time.monotonic) -> None:
        self._report, self._clock = report, clock
        self._due_at = clock()

    def __call__(self, frames: int, total: int) -> None:
        """Report that so many of all frames are written."""
        now = self._clock()
        if now >= self._due_at or frames == total:
            self._due_at = now + EVERY_S
            self._report.raise_to(frames, total)


@dataclass(frozen=True, slots=True)
class FrameReports:
    """`ProgressReports` in a folder that renderers and facade share. Without the folder nothing is reported."""

    folder: Path

    def of(self, operation: str) -> FrameReport:
        """Return the report of an operation, which need not exist."""
        # An operation's name may be longer than a file's.
        return FrameReport(self.folder / hashlib.sha256(operation.encode()).hexdigest()[:32])

    async def progress_of(self, operation: str) -> float | None:
        return self.of(operation).read()  # 14 µs; a thread costs 100 µs, for each open event stream

    def prepare(self) -> None:
        """Make the folder if it is absent, and delete what killed workers left. Blocks. Never raises `OSError`."""
        with suppress(OSError):
            self.folder.mkdir(0o700, exist_ok=True)
            for path in self.folder.iterdir():
                if path.stat().st_mtime < time.time() - KEEP_S:
                    path.unlink(missing_ok=True)
