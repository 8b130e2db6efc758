"""Google's emulators for a test: one set for the whole run, and a project and a bucket for each test.

`tests/conftest.py` hands the fixtures to every test. Locally a test that needs them is skipped where the Google Cloud
CLI is absent; in CI it fails.
"""

import os
import uuid
from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest
from _pytest.outcomes import Skipped

from schemas.errors import Unavailable
from schemas.ports import COMPLETIONS
from schemas.services.subscriptions import SHARED
from tests.gcp.shared import shared_emulators

_set = ExitStack()
_environment: dict[str, str] = {}
_JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""The emulators run for minutes: what Java's second compiler costs them is more than it saves, 11 of 29 s of CPU."""


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

    def set_up(self) -> None:
        """Make the bucket, the topics and the subscriptions, as `reelbus setup` does."""
        from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

        from infra.gcp.pubsub.admin import Subscriptions

        self.create_bucket()
        with PublisherClient() as publisher, SubscriberClient() as subscriber:
            subscriptions = Subscriptions(publisher, subscriber, self.id)
            subscriptions.ensure_topic(COMPLETIONS)
            for subscription in SHARED:
                subscriptions.ensure(subscription, subscription.name)
            publisher.stop()

    def create_bucket(self) -> None:
        from google.cloud.storage import Client

        with closing(Client()) as client:
            client.create_bucket(self.bucket)


class Absent(Skipped):
    """Keeps its own place, so that all of these are one line of the summary and not one for each test."""

    __module__, __qualname__ = Skipped.__module__, Skipped.__qualname__  # so that the summary knows it for a skip

    @property
    def _use_item_location(self) -> bool:
        return False

    @_use_item_location.setter
    def _use_item_location(self, _: bool) -> None:
        """pytest sets this for whatever a fixture raises."""


@pytest.fixture(scope="session")
def emulators(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The environment that leads to them. They stop at the end of the run."""
    if not _environment:
        try:
            with patch.dict(os.environ, JAVA_TOOL_OPTIONS=f"{_JAVA_OPTIONS} {os.environ.get('JAVA_TOOL_OPTIONS', '')}"):
                _environment.update(_set.enter_context(shared_emulators(_folder_of_the_run(tmp_path_factory))))
        except Unavailable as error:
            if os.environ.get("CI"):
                pytest.fail(f"the tests on Google's emulators must run in CI: {error}")
            raise Absent(f"needs Google's emulators: {error}") from error
        _warm_up()
    return _environment


def _warm_up() -> None:
    """The first write takes the Firestore emulator seconds, and none of ours may take more than five."""
    from google.cloud.firestore import Client

    with patch.dict(os.environ, _environment), closing(Client(project="warm-up")) as firestore:
        firestore.collection("jobs").document("first").set({}, timeout=100)


def _folder_of_the_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture
def project(emulators: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that nobody else knows, and this process on the emulators."""
    for name, value in emulators.items():
        monkeypatch.setenv(name, value)
    unique = uuid.uuid4().hex[:12]
    return Project(id=f"project-{unique}", bucket=f"bucket-{unique}", environment=emulators)


def pytest_sessionfinish() -> None:
    """Not at the end of a fixture: waiting for the other processes must not count as some test's time."""
    _environment.clear()
    _set.close()
