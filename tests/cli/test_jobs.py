"""`status`, `list` and `cancel` on the stores themselves."""

import json
import sqlite3
from contextlib import closing

import pytest

from publisher.jobs import Listing
from schemas.domain.projections import JobView
from schemas.domain.states import JobState
from tests.cli.commands import PROMPT, Shell, complaint


@pytest.mark.parametrize("command", ["status", "cancel"])
def test_unknown_id(shell: Shell, command: str) -> None:
    result = shell(command, "never-was")
    assert result.exit_code == 3
    assert complaint(result) == "Error: there is no job never-was"


def test_status_for_people(shell: Shell) -> None:
    result = shell("status", shell.queued("one"))
    assert result.exit_code == 0
    assert "queued, number 1" in result.stdout
    assert PROMPT in result.stdout


def test_status_for_scripts(shell: Shell) -> None:
    view = JobView.model_validate_json(shell("status", shell.queued("one"), "--json").stdout)
    assert (view.video_id, view.state, view.queue_position) == ("one", JobState.QUEUED, 1)


def test_status_that_waits_in_vain(shell: Shell) -> None:
    result = shell("status", shell.queued("one"), "--wait", "0.1", "--json")
    assert result.exit_code == 5
    assert JobView.model_validate_json(result.stdout).state is JobState.QUEUED
    assert result.stderr == "Error: Not ended after 0.1 s: queued\n"


def test_cancelled_is_no_video(shell: Shell) -> None:
    cancelled = shell("cancel", shell.queued("one"))
    assert cancelled.exit_code == 0
    assert cancelled.stdout == "one is cancelled; nothing was charged\n"
    assert shell("cancel", "one", "--json").exit_code == 0
    assert shell("status", "one").exit_code == 0
    waited = shell("status", "one", "--wait", "1")
    assert waited.exit_code == 1
    assert "cancelled" in waited.stderr


def test_cancel_for_scripts(shell: Shell) -> None:
    result = shell("cancel", shell.queued("one"), "--json")
    assert JobView.model_validate_json(result.stdout).state is JobState.CANCELLED


def test_empty_list(shell: Shell) -> None:
    assert shell("list").stdout == f"No jobs in {shell.data_dir}.\n"
    assert json.loads(shell("list", "--json").stdout) == {"videos": [], "next_cursor": None}


def test_an_empty_search_says_what_q_compares(shell: Shell) -> None:
    shell.queued("spring-catalogue-001")
    assert shell("list", "-q", "spring").stdout == "No jobs match spring: -q compares whole words.\n"
    assert "spring-catalogue-001" in shell("list", "-q", "spring-catalogue-001").stdout
    assert shell("list", "-q", "[red]x").stdout == "No jobs match [red]x: -q compares whole words.\n"


def test_list_shows_ids_in_full(shell: Shell) -> None:
    long_id = shell.queued("x" * 64)
    result = shell("list")
    assert long_id in result.stdout
    assert PROMPT in result.stdout


def test_list_pages_and_filters(shell: Shell) -> None:
    for number in range(3):
        shell.queued(f"job-{number}", project_id="films")
    shell.queued("other")
    first = Listing.model_validate_json(shell("list", "--project", "films", "--limit", "2", "--json").stdout)
    assert [view.video_id for view in first.videos] == ["job-2", "job-1"]
    assert first.next_cursor
    rest = shell("list", "--project", "films", "--limit", "2", "--json", "--cursor", first.next_cursor)
    assert [view.video_id for view in Listing.model_validate_json(rest.stdout).videos] == ["job-0"]
    assert shell("list", "--state", "failed").stdout == f"No jobs in {shell.data_dir}.\n"


def test_list_says_how_to_go_on(shell: Shell) -> None:
    for number in range(2):
        shell.queued(f"job-{number}")
    assert "More: --cursor " in shell("list", "--limit", "1").stderr


def test_stores_out_of_reach(shell: Shell) -> None:
    shell.data_dir.write_text("a file, not a folder")
    result = shell("list")
    assert result.exit_code == 4
    assert complaint(result).startswith("Error: the database can't be opened")


def test_facade_out_of_reach(shell: Shell) -> None:
    for command in (["status", "x"], ["list"], ["cancel", "x"], ["generate", PROMPT]):
        result = shell(*command, "--url", "http://127.0.0.1:9")
        assert result.exit_code == 4, command
        assert "the facade does not answer at http://127.0.0.1:9: " in result.stderr


def test_status_says_that_there_is_no_worker(shell: Shell) -> None:
    shown = shell("status", shell.queued("one")).stdout
    assert "no worker has been seen yet" in shown
    shell("cancel", "one")
    assert "no worker" not in shell("status", "one").stdout


def test_a_record_of_a_newer_version_hides_no_other_job(shell: Shell, caplog: pytest.LogCaptureFixture) -> None:
    """It is left out with a line that names it, page by page; asking for it says what is the matter."""
    for job_id in ("one", "of-tomorrow", "three"):
        shell.queued(job_id)
    with closing(sqlite3.connect(shell.data_dir / "reelbus.db")) as database, database:
        change = "json_set(record, '$.state', 'paused')"
        database.execute(f"UPDATE jobs SET state = 'paused', record = {change} WHERE job_id = 'of-tomorrow'")
    listed = shell("list", "--json")
    assert {view.video_id for view in Listing.model_validate_json(listed.stdout).videos} == {"one", "three"}
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert line == "job of-tomorrow was stored by a newer version of reelbus; this one can't read it"
    seen: list[str] = []
    cursor: list[str] = []
    for _ in range(3):
        page = Listing.model_validate_json(shell("list", "--json", "--limit", "1", *cursor).stdout)
        seen += [view.video_id for view in page.videos]
        cursor = ["--cursor", page.next_cursor or ""]
    assert (seen, page.next_cursor) == (["three", "one"], None)
    for command in ("status", "cancel", "replay"):
        refused = shell(command, "of-tomorrow")
        assert refused.exit_code == 4
        assert "job of-tomorrow was stored by a newer version of reelbus; this one can't read it" in refused.stderr
