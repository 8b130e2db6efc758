"""`python -m tests.fuzz`: schemathesis against a real facade, with a real worker behind it.

Exit status 0 where every answer is one that the OpenAPI document foretells, no process died, and none broke.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import httpx

from tests.e2e.processes import House

CONFIG = Path(__file__).with_name("schemathesis.toml")
SETTINGS = {
    "REELBUS_WAIT_S": "1",  # a caller who waits is answered by 504, and the fuzzer goes on
    "REELBUS_BODY_LIMIT_BYTES": "1000000",
    "REELBUS_HEARTBEAT_S": "0.2",
}
_MAIN = "from schemathesis.cli import schemathesis; schemathesis()"
_NOT_CHECKED = "--exclude-checks=use_after_free"
"""DELETE cancels: the job stays, with what it cost."""
BROKEN = {"http_broke", "handling_failed", "reconcile_failed", "completions_broke", "deliveries_broke"}
"""What a process writes to its log where something happened that nobody foresaw."""


@click.command()
@click.option("--seconds", default=60, show_default=True, help="How long.")
@click.option("--seed", type=int, help="Repeats a run.")
@click.argument("more", nargs=-1)
def fuzz(seconds: int, seed: int | None, more: tuple[str, ...]) -> None:
    """Fuzz the facade for a while; MORE goes to schemathesis."""
    os.environ.update(SETTINGS)
    with tempfile.TemporaryDirectory() as folder, house(Path(folder)) as (home, url):
        status = attack(url, seconds, [*(("--seed", str(seed)) if seed is not None else ()), *more])
        complaints = list(broken(home, url))
    for complaint in complaints:
        click.echo(complaint, err=True)
    sys.exit(status or bool(complaints))


@contextmanager
def house(folder: Path) -> Iterator[tuple[House, str]]:
    """A facade with a worker; nobody may have died meanwhile."""
    home = House(folder, folder / "log")
    with home.worker() as worker, home.facade() as (facade, url):
        yield home, url
        assert (worker.process.poll(), facade.process.poll()) == (None, None), home.log.read_text()[-3000:]


def attack(url: str, seconds: int, more: list[str]) -> int:
    """The exit status of schemathesis, after all its phases."""
    command = [f"--config-file={CONFIG}", "run", f"{url}/openapi.json", "--checks=all", _NOT_CHECKED]
    limits = [f"--max-time={seconds}", "--continue-on-failure", "--request-timeout=20"]
    program = [sys.executable, "-c", _MAIN, *command, *limits, *more]
    return subprocess.run(program, check=False, cwd=home_of_reports()).returncode


def home_of_reports() -> str:
    """Where schemathesis may leave what it wants."""
    return tempfile.gettempdir()


def broken(home: House, url: str) -> Iterator[str]:
    """What went wrong without anybody being told."""
    if httpx.get(f"{url}/readyz").status_code != 200:
        yield "the facade is not ready any more"
    for line in home.logged():
        if line.get("action") in BROKEN:
            yield f"a process broke: {line}"


if __name__ == "__main__":
    fuzz()
