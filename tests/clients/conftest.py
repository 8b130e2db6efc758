"""A facade and a worker on one folder, and a proxy before the facade. `make clients` sets CLIENTS."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.proxy import Proxy
from tests.e2e.processes import House

collect_ignore_glob = [] if "CLIENTS" in os.environ else ["test_*.py"]


@pytest.fixture
def house(tmp_path: Path) -> House:
    folder = tmp_path / "house"
    folder.mkdir()
    return House(folder, tmp_path / "worker.log")


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy() as proxy:
        yield proxy
