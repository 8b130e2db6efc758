"""`backup`: a whole copy of the data folder, taken while it is in use."""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from infra.embedded.database import Database
from tests.cli.commands import Shell, complaint


def _jobs(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "reelbus.db")) as database:
        return [job_id for (job_id,) in database.execute("SELECT job_id FROM jobs ORDER BY job_id")]


def test_for_people_and_for_scripts(shell: Shell, tmp_path: Path) -> None:
    shell.queued("one")
    to = tmp_path / "copies" / "monday"
    assert shell("backup", str(to)).stdout == f"1 jobs and 0 files (0 bytes) are in {to}\n"
    done = json.loads(shell("backup", str(tmp_path / "tuesday"), "--json").stdout)
    assert done == {"folder": str(tmp_path / "tuesday"), "jobs": 1, "files": 0, "bytes": 0}


def test_what_lies_in_the_write_ahead_log_is_copied(shell: Shell, tmp_path: Path) -> None:
    """As long as a process has the file open, all of it may lie there, the tables included."""
    open_elsewhere = Database(shell.data_dir / "reelbus.db")
    try:
        shell.queued("one")
        shell.queued("two")
        assert (shell.data_dir / "reelbus.db-wal").stat().st_size > 0
        assert shell("backup", str(tmp_path / "copy")).exit_code == 0
    finally:
        open_elsewhere._shut()
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["reelbus.db"]
    assert _jobs(tmp_path / "copy") == ["one", "two"]


def test_files_are_copied_and_what_is_none_is_left_out(shell: Shell, tmp_path: Path) -> None:
    shell.queued("one")
    videos = shell.data_dir / "videos"
    (videos / "work" / "one" / "0").mkdir(parents=True)
    (videos / "work" / "one" / "0" / "film.mp4").write_bytes(b"a film")
    (videos / ".incoming" / "half").write_bytes(b"half")
    (videos / ".link-secret").write_bytes(b"secret")
    (videos / "elsewhere").symlink_to("/etc/hostname")
    os.mkfifo(videos / "work" / "pipe")
    done = json.loads(shell("backup", str(tmp_path / "copy"), "--json").stdout)
    copied = sorted(str(path.relative_to(tmp_path / "copy")) for path in (tmp_path / "copy").rglob("*.*"))
    assert copied == ["reelbus.db", "videos/.link-secret", "videos/work/one/0/film.mp4"]
    assert (done["files"], done["bytes"]) == (2, 12)


def test_what_stands_in_the_way_is_said_and_nothing_is_touched(shell: Shell, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    nothing = Shell(tmp_path / "no-data")
    assert complaint(nothing("backup", str(tmp_path / "copy"))).startswith(
        "Error: Invalid request: there is no database at "
    )
    shell.queued("one")
    refused = shell("backup", str(taken))
    assert (refused.exit_code, complaint(refused)) == (
        2,
        f"Error: Invalid request: {taken} exists already; name a folder that does not",
    )
    google = {"REELBUS_JOBS": "firestore://p/(default)", "REELBUS_BUS": "pubsub://p", "REELBUS_VIDEOS": "gs://b"}
    assert "for Google's services see docs/operations.md" in complaint(
        shell("backup", str(tmp_path / "copy"), **google)
    )
    (tmp_path / "file").write_text("")
    assert shell("backup", str(tmp_path / "file" / "copy")).exit_code == 4
    assert sorted(path.name for path in tmp_path.iterdir() if path.name in ("copy", "no-data")) == []
    assert list(taken.iterdir()) == []


def test_a_damaged_database_is_no_backup(shell: Shell, tmp_path: Path) -> None:
    for number in range(30):
        shell.queued(f"job-{number}")
    path = shell.data_dir / "reelbus.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    content[8192 : len(content) // 2] = b"\xff" * (len(content) // 2 - 8192)
    path.write_bytes(content)
    assert shell("backup", str(tmp_path / "copy")).exit_code == 4
    assert not (tmp_path / "copy").exists()
