"""`emulators`: prints the environment, runs a command in it, and leaves nothing behind."""

import json
import os
import signal
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.commands import Shell, complaint
from tests.cli.processes import Processes, watched

NAMES = ["PUBSUB_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST", "STORAGE_EMULATOR_HOST"]
pytestmark = pytest.mark.emulator


@pytest.fixture(autouse=True)
def needed(emulators: Mapping[str, str]) -> None:
    """Skips these tests where the others on the emulators are skipped."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_the_environment_and_ends_with_a_signal(processes: Processes, number: int) -> None:
    running = processes.start("emulators")
    said = [running.line() for _ in NAMES]
    assert [line.split("=")[0] for line in said] == [f"export {name}" for name in NAMES]
    with ExitStack() as stack:
        started = [stack.enter_context(watched(pid)) for pid in _descendants(running.process.pid)]
        assert len(started) >= 2 * len(NAMES)  # each has a shell around it
        running.signal(number)
        assert running.end() == (0, "", "")
        assert all(ended(10) for ended in started)


def _descendants(pid: int) -> list[int]:
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [each for child in children for each in (child, *_descendants(child))]


def test_a_command_runs_in_that_environment_and_gives_its_status(processes: Processes) -> None:
    program = "import json, os; print(json.dumps(dict(os.environ))); raise SystemExit(7)"
    status, out, _ = processes.run("emulators", "--project", "film-project", "--", "python3", "-c", program)
    environment = json.loads(out)
    assert status == 7
    assert set(NAMES) <= set(environment)
    assert environment["REELBUS_BUS"] == "pubsub://film-project"


def test_a_command_that_is_none_is_refused(processes: Processes) -> None:
    status, out, said = processes.run("emulators", "--", "/no/such/program")
    assert (status, out) == (2, "")
    assert "command '/no/such/program' can't be run" in said


def test_without_the_cli_it_says_how_to_get_it(shell: Shell, tmp_path: Path) -> None:
    result = shell("emulators", PATH=str(tmp_path))
    assert result.exit_code == 4
    assert "https://cloud.google.com/sdk/docs/install" in complaint(result)
    assert os.environ["PATH"] != str(tmp_path)
