"""A house for the processes."""

from pathlib import Path

import pytest

from tests.e2e.processes import House


@pytest.fixture
def house(tmp_path: Path) -> House:
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "log").touch()
    return House(folder, tmp_path / "log")
