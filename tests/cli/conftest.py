"""One data folder for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.commands import Shell
from tests.cli.processes import Processes


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "data")


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    processes = Processes(tmp_path)
    yield processes
    processes.end()
