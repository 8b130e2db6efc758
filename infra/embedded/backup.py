"""A copy of the embedded data folder while services use it.

First the database, by SQLite's own backup: a copy of the file alone would lack what is stored in its `-wal`. Then the
files. Each file is in the store before a record names it, and never changes. So the copy has every file that its
records name, and perhaps more.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from infra.embedded.data_folder import flush_folder
from infra.embedded.database import translate_errors
from schemas.errors import Invalid, Unavailable, unavailable_of

DATABASE = "reelbus.db"
VIDEOS = "videos"
_INCOMING = ".incoming"


@dataclass(frozen=True, kw_only=True, slots=True)
class Backup:
    """Counts of what was copied."""

    folder: str
    jobs: int
    files: int
    bytes: int


def back_up(database: Path, videos: Path | None, to: Path) -> Backup:
    """Copy both to a new folder, which gets its name once complete. `videos` is None if they are stored elsewhere.

    Blocks. Raises `Invalid` if the database or the target can't be used as named, and `Unavailable` if a disk fails.
    """
    if not database.is_file():
        raise Invalid(f"there is no database at {database}", field="data_dir")
    if os.path.lexists(to):
        raise Invalid(f"{to} exists already; name a folder that does not", field="to")
    partial = to.with_name(f"{to.name}.partial-{os.getpid()}")
    try:
        partial.mkdir(parents=True)
        jobs = _copy_database(database, partial / DATABASE)
        sizes = [_copy(source, partial / VIDEOS / name) for source, name in _files(videos)] if videos else []
        for path, _ in _files(partial):
            with path.open("rb") as file:
                os.fsync(file.fileno())
        for folder, _, _ in os.walk(partial):
            flush_folder(Path(folder))
        partial.rename(to)
        flush_folder(to.parent)
    except OSError as error:
        raise unavailable_of(f"the folder of the backup, {to},", error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Backup(folder=str(to), jobs=jobs, files=len(sizes), bytes=sum(sizes))


def _copy_database(source: Path, target: Path) -> int:
    """Copy the database as one file without a `-wal`, check its integrity, and count its jobs."""
    uri = f"{source.absolute().as_uri()}?mode=rw"
    with (
        translate_errors(),
        closing(sqlite3.connect(uri, uri=True)) as original,
        closing(sqlite3.connect(target)) as copy,
    ):
        original.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        (result,) = copy.execute("PRAGMA integrity_check(1)").fetchone()
        if result != "ok":
            raise Unavailable(f"the database is damaged: {result}")
        return int(copy.execute("SELECT count(*) FROM jobs").fetchone()[0])


def _files(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield every stored file with its name; no half-written files, FIFOs or links."""
    for folder, folders, names in os.walk(root):
        if Path(folder) == root and _INCOMING in folders:
            folders.remove(_INCOMING)
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield path, str(path.relative_to(root))


def _copy(source: Path, target: Path) -> int:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copy2(source, target)
    except FileNotFoundError:  # deleted since it was listed
        return 0
    return target.stat().st_size
