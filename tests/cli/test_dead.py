"""`dead list`, `dead show` and `dead replay`."""

import json

import pytest

from publisher.desk import Desk
from schemas.ports import WORKERS
from tests.cli.commands import PROMPT, Shell, complaint


async def _bury(desk: Desk) -> None:
    async with desk.bus.subscribe(WORKERS, limit=1) as deliveries:
        await (await anext(deliveries)).bury("it broke every worker")


@pytest.fixture
def letter(shell: Shell) -> str:
    """The id of a dead letter, of job `one`."""
    shell.queued("one")
    shell.with_desk(_bury)
    (letter,) = json.loads(shell("dead", "list", "--json").stdout)["dead_letters"]
    assert letter["job_id"] == "one"
    return str(letter["id"])


def test_none(shell: Shell) -> None:
    assert shell("dead", "list").stdout == "No dead letters.\n"
    assert json.loads(shell("dead", "list", "--json").stdout) == {"dead_letters": []}


@pytest.mark.parametrize("command", ["show", "replay"])
def test_unknown(shell: Shell, command: str) -> None:
    result = shell("dead", command, "4711")
    assert result.exit_code == 3
    assert complaint(result) == "Error: there is no dead letter 4711"


def test_list_for_people(shell: Shell, letter: str) -> None:
    listed = shell("dead", "list").stdout
    assert letter in listed
    assert "it broke every worker" in listed


def test_show(shell: Shell, letter: str) -> None:
    shown = json.loads(shell("dead", "show", letter, "--json").stdout)
    assert shown["cause"] == "it broke every worker"
    assert shown["body"]["prompt"] == PROMPT
    assert "it broke every worker" in shell("dead", "show", letter).stdout


def test_replay_takes_it_off_the_shelf(shell: Shell, letter: str) -> None:
    assert json.loads(shell("dead", "replay", letter, "--json").stdout) == {"replayed": letter}
    assert shell("dead", "list").stdout == "No dead letters.\n"
    assert shell("dead", "replay", letter).exit_code == 3
