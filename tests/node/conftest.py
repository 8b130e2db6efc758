"""Node itself and the package's dependencies: without them these tests are one skipped line, and a failure in CI."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import house
from tests.e2e.processes import House
from tests.gcp.emulated import Absent, Project, emulators, project
from tests.node.topics import Topics

__all__ = ["emulators", "house", "project"]

PACKAGE = Path(__file__).resolve().parents[2] / "publisher" / "node"


@pytest.fixture(scope="session", autouse=True)
def package() -> Path:
    """The package's folder, ready to be used."""
    missing = None if shutil.which("node") else "Node 20 or newer is not installed"
    if not missing and not (PACKAGE / "node_modules" / ".package-lock.json").is_file():
        missing = "its dependencies are not installed: make node"
    if missing and os.environ.get("CI"):
        pytest.fail(f"the tests of the Node package must run in CI: {missing}")
    if missing:
        raise Absent(f"the Node package is not tested: {missing}")
    return PACKAGE


@pytest.fixture
def topics(project: Project) -> Iterator[Topics]:
    project.create_bucket()
    topics = Topics(project.id)
    yield topics
    topics.close()


@pytest.fixture
def cloud(house: House, project: Project) -> House:
    """Its workers and facades are on the emulators."""
    urls = {"REELBUS_BUS": project.bus_url, "REELBUS_JOBS": project.jobs_url, "REELBUS_VIDEOS": project.videos_url}
    return House(house.folder, house.log, urls)
