"""`replay`."""

import pytest

from publisher.cancel import cancel
from schemas.state import JobState
from schemas.view import JobView
from tests.cli.commands import Shell, complaint


@pytest.fixture
def cancelled(shell: Shell) -> str:
    shell.queued("one")
    return shell.with_desk(lambda desk: cancel(desk, "one")).job_id


def test_for_people(shell: Shell, cancelled: str) -> None:
    result = shell("replay", cancelled)
    assert result.exit_code == 0
    assert result.stdout == "one is queued; what is paid is used, and not paid again\n"
    assert "queued" in shell("status", cancelled).stdout


def test_for_scripts(shell: Shell, cancelled: str) -> None:
    view = JobView.model_validate_json(shell("replay", cancelled, "--json").stdout)
    assert (view.video_id, view.state, view.error) == ("one", JobState.QUEUED, None)


def test_a_job_that_goes_on_stays_as_it_is(shell: Shell) -> None:
    assert shell("replay", shell.queued("one")).stdout.startswith("one is queued; ")


def test_unknown(shell: Shell) -> None:
    result = shell("replay", "never-was")
    assert result.exit_code == 3
    assert complaint(result) == "Error: there is no job never-was"
