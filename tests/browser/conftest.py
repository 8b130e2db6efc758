"""One browser for all tests, and three houses: a free one with a worker, one with prices, one with keys."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from publisher.settings import new_key
from tests.browser.chromium import open_browser
from tests.e2e.processes import House, Part
from tests.support.ports import free_port

ACME, _ACME = new_key("acme")
ZEBRA, _ZEBRA = new_key("zebra")
OPERATOR, _OPERATOR = new_key("operator", ["submit", "read", "operate"])
KEYS = json.dumps([key.model_dump(mode="json") for key in (_ACME, _ZEBRA, _OPERATOR)])
_QUICK = {"REELBUS_EVENTS_LOOK_EVERY_S": "0.2", "REELBUS_RECONCILE_EVERY_S": "1"}


@dataclass(frozen=True)
class Site:
    """A facade under an address that stays the same when it is started again."""

    house: House
    port: int

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def folder(self) -> Path:
        """The data folder."""
        return self.house.folder

    @contextmanager
    def facade(self) -> Iterator[Part]:
        """A facade that is ready, until the context ends or it is killed."""
        part = self.house.start("publisher", "serve", "--port", str(self.port))
        try:
            yield part
        finally:
            part.kill()


@contextmanager
def site_at(folder: Path, **settings: str) -> Iterator[Site]:
    """A house on this folder without processes."""
    data = folder / "data"
    data.mkdir()
    (folder / "log").touch()
    port = free_port()
    yield Site(House(data, folder / "log", {**_QUICK, **settings}), port)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def free(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Facade and worker with the local renderer, without keys."""
    with site_at(tmp_path_factory.mktemp("free")) as site, site.house.worker(), site.facade():
        yield site


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Site]:
    """The same for one test, which may stop and start what it likes. Nothing runs yet."""
    with site_at(tmp_path) as site:
        yield site


@pytest.fixture(scope="session")
def priced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A facade that plans for Vertex AI. No worker runs, so that nothing is ever sent."""
    settings = {
        "REELBUS_PROVIDER": "vertex://acme/us-central1",
        "REELBUS_BUDGETS": '[{"scope": "all", "period": "month", "limit_usd": "100"}]',
    }
    with site_at(tmp_path_factory.mktemp("priced"), **settings) as site, site.facade():
        yield site


@pytest.fixture(scope="session")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A facade with the keys of two callers and an operator, and a worker."""
    with site_at(tmp_path_factory.mktemp("keyed"), REELBUS_API_KEYS=KEYS) as site, site.house.worker(), site.facade():
        yield site
