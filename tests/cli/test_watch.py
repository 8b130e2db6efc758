"""`reelbus watch`: lines where no terminal is, a table where one is, and a facade that is away for a while."""

import asyncio
import os
import pty
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from publisher.cli.watch import _print_lines
from schemas.domain.projections import JobView
from schemas.errors import Unavailable
from tests.cli.commands import PROMPT, Shell, complaint
from tests.support.processes import ROOT


def test_a_line_for_each_job_the_oldest_first(shell: Shell) -> None:
    shell.queued("one", project_id="films")
    shell.queued("two", project_id="films", labels={"team": "growth"})
    shell.queued("other")
    result = shell("watch", "--project", "films", "--for", "0")
    assert result.exit_code == 0
    assert [line.split()[1:3] for line in result.stdout.splitlines()] == [["one", "queued;"], ["two", "queued;"]]
    found = shell("watch", "-q", "growth", "--for", "0").stdout
    assert [line.split()[1] for line in found.splitlines()] == ["two"]


def test_only_changes_are_printed(shell: Shell) -> None:
    shell.queued("one")
    result = shell("watch", "--every", "0.5", "--for", "1")
    assert len(result.stdout.splitlines()) == 1


async def test_a_store_that_is_away_for_a_while(capsys: pytest.CaptureFixture[str]) -> None:
    async def looks() -> AsyncIterator[list[JobView] | Unavailable]:
        yield []
        yield Unavailable("the facade does not answer")
        yield []

    await _print_lines(looks())
    out, err = capsys.readouterr()
    assert (out, err) == ("", "the facade does not answer\n")


def test_a_facade_that_was_never_there(shell: Shell) -> None:
    result = shell("watch", "--url", "http://127.0.0.1:9", "--for", "0")
    assert result.exit_code == 4
    assert "the facade does not answer" in complaint(result)


@pytest.mark.parametrize("options", [("--every", "0.1"), ("--every", "nan"), ("--limit", "0"), ("--for", "-1")])
def test_a_bad_option(shell: Shell, options: tuple[str, str]) -> None:
    assert shell("watch", *options).exit_code == 2


def test_at_a_terminal_it_is_a_table_without_control_characters(shell: Shell) -> None:
    shell.queued("one", prompt=f"{PROMPT} \x1b[2Jhidden")
    asyncio.run(_watch_at_a_terminal(shell))


async def _watch_at_a_terminal(shell: Shell) -> None:
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        str(ROOT / ".venv/bin/reelbus"),
        *("watch", "--every", "0.5"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "REELBUS_DATA_DIR": str(shell.data_dir), "TERM": "xterm", "COLUMNS": "160"},
        start_new_session=True,
    )
    os.close(theirs)
    seen = b""
    while b"Ctrl-C ends" not in seen:
        seen += await asyncio.to_thread(os.read, ours, 65536)
    process.send_signal(signal.SIGINT)
    reading = asyncio.create_task(asyncio.to_thread(_drain, ours))
    assert await process.wait() == 130
    await reading
    os.close(ours)
    assert b"one" in seen
    assert b"\x1b[2Jhidden" not in seen


def _drain(terminal: int) -> None:
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:  # the other side is closed
        return


def test_it_writes_nothing(shell: Shell, tmp_path: Path) -> None:
    assert shell("watch", "--for", "0").exit_code == 0
    assert not shell.data_dir.exists()
