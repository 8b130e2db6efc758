"""Terraform with its stand-in, shared by the suite. `make deploy-check` installs what it needs."""

import importlib.util
from collections.abc import Iterator, Mapping

import pytest

from tests.deploy.running import BUILD, DEPLOY, EVERYTHING, Deployment, State, kinds_in

# `make test` collects this folder, too: it has neither the providers' schemas nor Terraform.
BROKEN_KINDS = {"google_secret_manager_secret_version"}
"""What only a module that is broken on purpose has."""
collect_ignore_glob = [] if importlib.util.find_spec("msgpack") else ["test_*.py"]


@pytest.fixture(scope="session")
def environment() -> Iterator[Mapping[str, str]]:
    """Serve the stand-in, and return the environment in which Terraform attaches to it."""
    from tests.deploy.standin.provider import serve

    with serve(kinds_in(DEPLOY) | BROKEN_KINDS, BUILD) as served:
        yield served


@pytest.fixture(scope="session")
def deployment(environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """Return a copy of infra/deploy as it is."""
    return Deployment.copy(tmp_path_factory.mktemp("deployment"), environment)


@pytest.fixture(scope="session")
def state(deployment: Deployment) -> State:
    """Apply it with every option in use."""
    return deployment.apply(EVERYTHING)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process run all tests of the applied state: an apply takes seconds."""
    for item in items:
        if "state" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("state"))
