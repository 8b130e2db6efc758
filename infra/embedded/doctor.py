"""Looks at the folder of the embedded default: rights, space, clock, and what its file system can do.

Nothing is made but small files in a temporary folder inside it, which are deleted again.
"""

import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from infra.look import one_line
from schemas.ports.findings import Finding

ROOM_BYTES = 200_000_000
"""With less free space a film of some minutes may not fit beside its clips."""
SCARCE_BYTES = 2_000_000_000
_FILES_LEFT = 1_000
_AHEAD_S = 5.0
_HELD = "import fcntl, sys\nwith open(sys.argv[1], 'r+b') as file: fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)"
"""Ends with an error if another process has the lock."""
_NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "fuse.gcsfuse", "fuse.s3fs"})
_LOCAL_DISK = "put REELBUS_DATA_DIR on a disk of this machine"


def examine_folder(folder: Path) -> Iterator[Finding]:
    """Look at the data folder, or at the folder in which it will be made."""
    existing = next((path for path in (folder, *folder.parents) if path.exists()), Path("/"))
    name = str(folder)
    if not existing.is_dir():
        yield Finding.wrong("folder", name, f"{existing} is no folder", "correct REELBUS_DATA_DIR")
        return
    if not os.access(existing, os.R_OK | os.W_OK | os.X_OK):
        words = f"{existing} can't be read and written to by this user"
        yield Finding.wrong("folder", name, words, f"chown {os.geteuid()} {existing}, or set REELBUS_DATA_DIR")
        return
    if existing != folder:
        yield Finding.ok("folder", name, "does not exist yet, and can be made")
        yield from examine_space(existing)
        return
    yield Finding.ok("folder", name, "can be read and written to")
    if folder.stat().st_mode & 0o077:
        words = "other users of this machine may open it: it has prompts, pictures and videos"
        yield Finding.note("folder", name, words, f"chmod 700 {folder}")
    yield from examine_space(folder)
    yield from examine_database(folder / "reelbus.db")


def examine_file_system(folder: Path) -> Iterator[Finding]:
    """Try what SQLite, the video store and the wake-up pipes need of the file system."""
    existing = next((path for path in (folder, *folder.parents) if path.is_dir()), Path("/"))
    if kind := _kind_of(existing):
        words = f"is a network file system ({kind}): SQLite's log works on one machine only"
        yield Finding.wrong("file system", str(existing), words, _LOCAL_DISK)
    with tempfile.TemporaryDirectory(prefix=".doctor-", dir=existing) as made:
        file = Path(made) / "file"
        file.write_bytes(bytes(4096))
        yield examine_locks(file)
        yield _try("links", "files can have two names", lambda: os.link(file, file.with_suffix(".link")))
        yield _try("pipes", "named pipes can be made", lambda: os.mkfifo(file.with_suffix(".pipe")))


def examine_clock(folder: Path) -> Iterator[Finding]:
    """Compare the wall clock with the files that this machine wrote."""
    now = time.time()
    newest = 0.0
    for name in ("reelbus.db", "reelbus.db-wal"):
        with suppress(OSError):
            newest = max(newest, (folder / name).stat().st_mtime)
    if newest > now + _AHEAD_S:
        words = f"is {newest - now:.0f} s behind the newest file in the data folder: leases and checks come late"
        yield Finding.wrong("clock", "", words, "timedatectl set-ntp true, and restart the workers")
    else:
        yield Finding.ok("clock", "", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)))


def examine_space(folder: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(folder).free
    words = f"{free / 1e9:.1f} GB are free"
    files = os.statvfs(folder)
    if free < ROOM_BYTES:
        remedy = "make room: reelbus purge --older-than 30d, or move the folder to a larger disk"
        yield Finding.wrong("disk", str(folder), words, remedy)
    elif files.f_files and files.f_favail < _FILES_LEFT:
        words = f"only {files.f_favail} more files can be made"
        yield Finding.wrong("disk", str(folder), words, "delete files, or make a file system with more inodes")
    elif free < SCARCE_BYTES:
        yield Finding.note("disk", str(folder), words, "a film has about 1 MB for each second, twice")
    else:
        yield Finding.ok("disk", str(folder), words)


def examine_database(path: Path) -> Iterator[Finding]:
    """Open the file for reading only, so that a look changes no layout."""
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
            connection.execute("SELECT count(*) FROM jobs").fetchone()
            (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        remedy = "restore a backup, see docs/operations.md; or correct the rights of the file"
        yield Finding.wrong("database", str(path), f"can't be read: {one_line(error)}", remedy)
        return
    if answer == "ok":
        yield Finding.ok("database", str(path), "is whole")
    else:
        yield Finding.wrong("database", str(path), f"is damaged: {answer}", "restore a backup, see docs/operations.md")


def examine_locks(file: Path) -> Finding:
    """Take both kinds of lock that we and SQLite use, and look if they keep others out."""
    with file.open("r+b") as first, file.open("r+b") as second:
        fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with suppress(BlockingIOError):
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return Finding.wrong("locks", "", "two processes can lock one file (flock)", _LOCAL_DISK)
    with file.open("r+b") as first:
        fcntl.lockf(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        other = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _HELD, str(file)], capture_output=True, timeout=10, check=False
        )
        if other.returncode == 0:
            return Finding.wrong("locks", "", "two processes can lock one file (fcntl)", _LOCAL_DISK)
    return Finding.ok("locks", "", "a lock keeps other processes out")


def _try(kind: str, words: str, make: Callable[[], object]) -> Finding:
    try:
        make()
    except OSError as error:
        return Finding.wrong(kind, "", f"can't be made here: {error.strerror}", _LOCAL_DISK)
    return Finding.ok(kind, "", words)


def _kind_of(folder: Path) -> str | None:
    """Return the kind of a network file system; None for a local one, or if the system does not say."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return None
    around = [(point, kind) for point, kind in mounts if folder.absolute().is_relative_to(point)]
    kind = max(around, key=lambda each: len(each[0]), default=("", ""))[1]
    return kind if kind in _NETWORK else None
