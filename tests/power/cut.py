"""Cuts the power of stopped processes: leaves in the folder what was flushed, and of the rest what chance leaves.

Honest within these bounds. A deleted name stays deleted, although a power cut may bring it back. Pages that a
checkpoint writes into the database file stay, flushed or not: the log that is kept has all of them. What the model
writes stays, since in production that is Google's bucket.
"""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.power.wal import cut_log, read_index

_FLUSHED_COMMIT = "2"
"""SQLite's number of `PRAGMA synchronous = FULL`."""


@dataclass(slots=True)
class Flushed:
    """What the notes of one life of the machine say."""

    pending: dict[str, int] = field(default_factory=dict)
    """Names whose folder was not flushed since, with the line that says so."""
    sources: dict[str, str] = field(default_factory=dict)
    """Of each linked name, the name under which its content was written."""
    files: set[str] = field(default_factory=set)
    """Paths of flushed files and folders."""
    salt: str = ""
    frames: int = 0
    """Of the log, with that salt."""

    @classmethod
    def read(cls, notes: Path, database_folder: str) -> "Flushed":
        """Read the notes of all processes. A line that the cut interrupted is no note."""
        found, begun, last_pid_line = cls(), dict[tuple[str, str], tuple[int, str]](), dict[str, int]()
        for number, line in enumerate(notes.read_text().rpartition("\n")[0].splitlines()):
            match line.split("\t"):
                case _, "made", path:
                    found.pending[path] = number
                case _, "linked", path, source:
                    found.pending[path] = number
                    found.sources[path] = source
                case pid, "flushing", flush, path:
                    begun[pid, flush] = number, path
                case pid, "flushed", flush:
                    found._flush(*begun[pid, flush])
                case pid, "committing":
                    last_pid_line[pid] = number
                case pid, "committed", synchronous, salt, frames if synchronous == _FLUSHED_COMMIT:
                    # SQLite flushes the folder of a log with the first flush of the log by each process.
                    found._flush(last_pid_line[pid], database_folder)
                    found.salt, found.frames = salt, int(frames)
        return found

    def _flush(self, line: int, path: str) -> None:
        self.files.add(path)
        self.pending = {
            name: made for name, made in self.pending.items() if made > line or os.path.dirname(name) != path
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Loss:
    """What a power cut took."""

    names: int
    """Outside the scratch folder."""
    frames: int
    emptied: int


def cut_power(data_dir: Path, notes: Path, random: Random) -> Loss:
    """Change the folder of ended processes to what is on the disk. The notes begin anew."""
    flushed = Flushed.read(notes, str(data_dir))
    index = read_index(data_dir)
    kept = flushed.frames if flushed.salt == index.salt.hex() else 0
    kept = max(kept, index.checkpointed)
    if random.random() < 0.3:  # the system may have written more of the log by itself
        kept = max(kept, random.randint(kept, index.frames))
    if any(index.salt):  # else no process came to the log: what an earlier cut left is on the disk
        cut_log(data_dir, kept)
    videos = f"{data_dir / 'videos'}/"
    unflushed = (path for path, source in flushed.sources.items() if source not in flushed.files)
    emptied = _empty(path for path in unflushed if path.startswith(videos))
    lost = [path for path in flushed.pending if random.random() < 0.7 and _lose(Path(path))]
    names = sum(not path.startswith(f"{data_dir / 'scratch'}/") for path in lost)
    if random.random() < 0.5:
        shutil.rmtree(data_dir / "scratch", ignore_errors=True)
    notes.write_bytes(b"")
    return Loss(names=names, frames=max(0, index.frames - kept), emptied=emptied)


def _empty(paths: Iterable[str]) -> int:
    """A name may be on the disk before the content is."""
    found = [path for path in paths if os.path.isfile(path)]
    for path in found:
        os.truncate(path, 0)
    return len(found)


def _lose(path: Path) -> bool:
    if not os.path.lexists(path):
        return False
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
    return True
