"""A cut takes what was committed without a flush, and leaves what was flushed."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from tests.power.cut import Loss, cut_power
from tests.power.wal import DATABASE, read_index

FULL, NORMAL = 2, 1
"""SQLite's numbers of `PRAGMA synchronous`."""


class Calm(Random):
    """The system writes nothing by itself, and keeps every name."""

    def random(self) -> float:
        return 0.99


class Log:
    """A database in use by a process that is stopped, and its notes."""

    def __init__(self, folder: Path) -> None:
        self.data, self.notes = folder / "data", folder / "notes"
        self.data.mkdir()
        self.writer = sqlite3.connect(self.data / DATABASE, isolation_level=None)
        self.writer.executescript("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0")
        self.commit("CREATE TABLE t (n)", FULL)

    def insert(self, number: int, synchronous: int) -> None:
        self.commit("INSERT INTO t VALUES (?)", synchronous, number)

    def commit(self, statement: str, synchronous: int, *values: int) -> None:
        self.writer.execute(statement, values)
        index = read_index(self.copy())
        with self.notes.open("a") as notes:
            notes.write(f"1\tcommitting\n1\tcommitted\t{synchronous}\t{index.salt.hex()}\t{index.frames}\n")

    def copy(self) -> Path:
        """A look at the index file itself would drop the writer's locks."""
        folder = self.data.parent / "copy"
        shutil.rmtree(folder, ignore_errors=True)
        return Path(shutil.copytree(self.data, folder))

    def cut(self) -> tuple[Loss, list[int]]:
        """The writer is stopped, so its files are taken as they are."""
        disk = self.copy()
        loss = cut_power(disk, self.notes, Calm())
        with closing(sqlite3.connect(disk / DATABASE)) as database:
            return loss, [number for (number,) in database.execute("SELECT n FROM t ORDER BY n")]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    log = Log(tmp_path)
    yield log
    log.writer.close()


def test_a_commit_without_a_flush_is_taken(log: Log) -> None:
    log.insert(1, FULL)
    log.insert(2, NORMAL)
    loss, numbers = log.cut()
    assert (loss.frames, numbers) == (1, [1])


def test_a_later_flush_keeps_what_came_before(log: Log) -> None:
    log.insert(1, NORMAL)
    log.insert(2, FULL)
    loss, numbers = log.cut()
    assert (loss.frames, numbers) == (0, [1, 2])
