"""The two versions, and a house of their own for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.corpus.reader import StrictReader
from tests.crash.ground import Embedded, Ground
from tests.gcp.emulated import Project
from tests.mixed.cloud import Cloud
from tests.mixed.house import House, house_on
from tests.mixed.release import NEW, Side, old_side


@pytest.fixture(scope="session")
def old() -> Side:
    """The release before."""
    return old_side()


@pytest.fixture(scope="session")
def new() -> Side:
    """This version."""
    return NEW


@pytest.fixture(params=["old begins", "new begins"])
def pair(request: pytest.FixtureRequest, old: Side, new: Side) -> tuple[Side, Side]:
    """Who begins, and who goes on."""
    return (old, new) if request.param == "old begins" else (new, old)


@pytest.fixture
async def house(request: pytest.FixtureRequest, tmp_path: Path, old: Side) -> AsyncIterator[House]:
    """On SQLite and a folder, or where the test's parameter says. At its end all that was told and stored is read with
    the strict schemas of the release before: its programs refuse every key that they don't know."""
    async with house_on(_ground(request, tmp_path), "house") as house:
        yield house
        judge = StrictReader(old.tree / "schemas" / "json")
        for message in house.heard:
            judge.read("completion", message.data)
        for record in await house.records():
            judge.read("job", record)


def _ground(request: pytest.FixtureRequest, folder: Path) -> Ground:
    if getattr(request, "param", "embedded") == "embedded":
        return Embedded(folder)
    project: Project = request.getfixturevalue("project")
    project.set_up()
    return Cloud(folder, project)
