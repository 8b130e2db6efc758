"""Google's emulators for a test: one set for each test process, and a project and a bucket for each test.

Import the fixtures that you need into a `conftest.py`. Locally a test that needs them is skipped where the Google
Cloud CLI is absent; in CI it fails.
"""

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass

import pytest
from _pytest.outcomes import Skipped
from google.cloud.storage import Client

from infra.gcp.emulator_programs import installed
from infra.gcp.emulators import running
from schemas.errors import Unavailable

_set = ExitStack()
_environment: dict[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project of one test's own, and the addresses of what is in it."""

    id: str
    bucket: str
    environment: Mapping[str, str]

    @property
    def bus_url(self) -> str:
        return f"pubsub://{self.id}"

    @property
    def jobs_url(self) -> str:
        return f"firestore://{self.id}/(default)"

    @property
    def videos_url(self) -> str:
        return f"gs://{self.bucket}"

    def create_bucket(self) -> None:
        with closing(Client()) as client:
            client.create_bucket(self.bucket)


class Absent(Skipped):
    """Keeps its own place, so that all of these are one line of the summary and not one for each test."""

    @property
    def _use_item_location(self) -> bool:
        return False

    @_use_item_location.setter
    def _use_item_location(self, _: bool) -> None:
        """pytest sets this for whatever a fixture raises."""


@pytest.fixture(scope="session")
def emulators() -> Iterator[Mapping[str, str]]:
    """The environment that leads to them. They stop with the test process."""
    if not _environment:
        try:
            _environment.update(_set.enter_context(running(installed())))
        except Unavailable as error:
            if os.environ.get("CI"):
                pytest.fail(f"the tests on Google's emulators must run in CI: {error}")
            raise Absent(f"needs Google's emulators: {error}") from error
    yield _environment
    _environment.clear()
    _set.close()


@pytest.fixture
def project(emulators: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Project:
    for name, value in emulators.items():
        monkeypatch.setenv(name, value)
    unique = uuid.uuid4().hex[:12]
    return Project(id=f"project-{unique}", bucket=f"bucket-{unique}", environment=emulators)
