"""The examples as somebody has them who followed the guide; without Node its tests are one skipped line."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import house
from tests.e2e.processes import House
from tests.examples.programs import Place
from tests.facade.certs import certs, google
from tests.gcp.emulated import Absent, Project

__all__ = ["certs", "google", "house"]

ROOT = Path(__file__).resolve().parents[2]
_INSTALL = ("npm", "ci", "--prefix", "examples", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund")


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the examples and what they need, made once for all processes of the run."""
    if not shutil.which("npm"):
        if os.environ.get("CI"):
            pytest.fail("the examples for Node must run in CI: Node 20 or newer is not installed")
        raise Absent("the examples for Node are not tested: Node 20 or newer is not installed")
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "downstream"
    with (folder.parent / "downstream.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _install(folder.with_suffix(".new")).rename(folder)
    return folder


def _install(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    bare = shutil.ignore_patterns("node_modules")
    for part in ("examples", "publisher/node"):
        shutil.copytree(ROOT / part, folder / part, ignore=bare)
    done = subprocess.run(_INSTALL, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def downstream(installed: Path) -> Place:
    """Where the commands of the guide are run."""
    return Place(installed)


@pytest.fixture
def here(tmp_path: Path) -> Place:
    """The same for Python's programs, which need no Node."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return Place(tmp_path)


@pytest.fixture
def cloud(house: House, project: Project) -> House:
    """Its workers are on Google's emulators."""
    project.set_up()
    urls = {"REELBUS_BUS": project.bus_url, "REELBUS_JOBS": project.jobs_url, "REELBUS_VIDEOS": project.videos_url}
    return House(house.folder, house.log, urls)
