"""A PostgreSQL that loses nothing: every commit is on the disk before it is answered (its defaults)."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.until import until
from schemas.errors import Unavailable

_ACCOUNT = "postgres"
"""PostgreSQL refuses to run as root. Debian's package makes this account."""
_SETTINGS = ("-c", "listen_addresses=", "-c", "max_connections=200", "-c", "fsync=on", "-c", "synchronous_commit=on")


@dataclass(frozen=True, slots=True)
class Postgres:
    """A server on a Unix socket."""

    folder: Path
    pid: int

    @property
    def conninfo(self) -> str:
        """Return the address for libpq."""
        return f"host={self.folder} user={_ACCOUNT} dbname=postgres"

    @property
    def sqlalchemy_url(self) -> str:
        """Return the address for SQLAlchemy."""
        return f"postgresql+psycopg://{_ACCOUNT}@/postgres?host={self.folder}"


@contextmanager
def run_postgres(folder: Path) -> Iterator[Postgres]:
    """Run a server with a new database. Raises `Unavailable` if PostgreSQL is not installed."""
    programs = _find_programs()
    folder.mkdir()
    as_account: Sequence[str] = ()
    if os.geteuid() == 0:
        shutil.chown(folder, _ACCOUNT)
        _open_way(folder.parent)
        as_account = ("setpriv", f"--reuid={_ACCOUNT}", f"--regid={_ACCOUNT}", "--clear-groups", "--")
    data = folder / "data"
    command = [*as_account, str(programs / "initdb"), "-D", str(data), "-U", _ACCOUNT, "--auth=trust", "-E", "UTF8"]
    subprocess.run([*command, "--no-locale"], check=True, capture_output=True, cwd="/")
    with (folder / "postgres.log").open("wb") as log:
        server = subprocess.Popen(
            [*as_account, str(programs / "postgres"), "-D", str(data), "-k", str(folder), *_SETTINGS],
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
        )
    try:
        ready = [str(programs / "pg_isready"), "-q", "-h", str(folder)]
        until(lambda: subprocess.run(ready, check=False).returncode == 0, "an answer of PostgreSQL", within_s=20)
        yield Postgres(folder, server.pid)
    finally:
        server.terminate()
        server.wait(20)


def _find_programs() -> Path:
    found = shutil.which("initdb")
    places = (
        [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    )
    for place in places:
        if (place / "postgres").exists() and (place / "initdb").exists():
            return place
    raise Unavailable("PostgreSQL is not installed: apt-get install postgresql")


def _open_way(folder: Path) -> None:
    """Let the account pass through the folders above, which `tempfile` makes for their owner alone."""
    for each in (folder, *folder.parents):
        if each.stat().st_mode & 0o001 == 0 and each.owner() == "root" and str(each) != "/":
            each.chmod(each.stat().st_mode | 0o011)
