"""`dead list`, `dead show`, `dead replay` and `dead drop`."""

import json

import pytest

from publisher.context import PublisherContext
from publisher.jobs import cancel
from schemas.domain.events import Erased
from schemas.ports import WORKERS
from schemas.services.update import update_job
from tests.cli.commands import PROMPT, Shell, complaint


async def bury(desk: PublisherContext) -> None:
    async with desk.bus.subscribe(WORKERS, limit=1) as deliveries:
        await (await anext(deliveries)).dead_letter("it broke every worker")


@pytest.fixture
def letter(shell: Shell) -> str:
    """The id of a dead letter, of job `one`."""
    shell.queued("one")
    shell.with_desk(bury)
    (letter,) = json.loads(shell("dead", "list", "--json").stdout)["dead_letters"]
    assert letter["job_id"] == "one"
    return str(letter["id"])


def test_none(shell: Shell) -> None:
    assert shell("dead", "list").stdout == f"No dead letters in {shell.data_dir}.\n"
    assert json.loads(shell("dead", "list", "--json").stdout) == {"dead_letters": []}


@pytest.mark.parametrize("command", ["show", "replay", "drop"])
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
    assert shell("dead", "list").stdout == f"No dead letters in {shell.data_dir}.\n"
    assert shell("dead", "replay", letter).exit_code == 3


def test_drop_takes_it_off_the_shelf_and_leaves_its_job_alone(shell: Shell, letter: str) -> None:
    assert json.loads(shell("dead", "drop", letter, "--json").stdout) == {"dropped": letter}
    assert shell("dead", "list").stdout == f"No dead letters in {shell.data_dir}.\n"
    assert shell("dead", "drop", letter).exit_code == 3
    assert "queued" in shell("status", "one").stdout


def test_the_letter_of_an_erased_job_is_not_replayed(shell: Shell, letter: str) -> None:
    shell.with_desk(lambda desk: cancel(desk, "one"))
    shell.with_desk(lambda desk: update_job(desk.jobs, "one", lambda _: Erased(at=desk.clock.now())))
    result = shell("dead", "replay", letter)
    assert result.exit_code == 2
    assert f"the job of dead letter {letter} was erased" in complaint(result)


VEO = {"REELBUS_MODEL": "vertex://acme/us-central1", "REELBUS_FAST_MODELS": "veo-3.1-fast-generate-001"}


def test_a_replay_of_a_paid_request_says_what_it_pays_for_and_needs_pay(shell: Shell, letter: str) -> None:
    result = shell("dead", "replay", letter)  # its job waits for a worker already
    assert result.exit_code == 0
    shell.with_desk(bury)
    (again,) = json.loads(shell("dead", "list", "--json").stdout)["dead_letters"]
    shell.with_desk(lambda desk: cancel(desk, "one"))
    told = complaint(shell("dead", "replay", again["id"], **VEO))
    assert told.startswith("Error: It would pay $")
    assert "clip 0 (veo-3.1-fast-generate-001)" in told
    assert len(json.loads(shell("dead", "list", "--json").stdout)["dead_letters"]) == 1
    assert shell("dead", "replay", again["id"], "--pay", **VEO).exit_code == 0
    assert json.loads(shell("dead", "list", "--json").stdout) == {"dead_letters": []}
