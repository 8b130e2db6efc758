"""The bus suite catches every broken bus. The same case passes with a wrapper that breaks nothing."""

import inspect
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from schemas.ports import Subscription
from tests.contract import test_bus as suite
from tests.contract.bus_mutants import MUTANTS, NAME, OPENER, Wrapper, open_mutant
from tests.contract.conftest import EMBEDDED, BusBackend, bus_backend, each_port

MUTANT_PATIENCE_S = 2.5
"""How long a case waits for a message that a mutant has lost. The slowest promise is kept within 1 s."""
CAUGHT = (AssertionError, TimeoutError, pytest.fail.Exception, sqlite3.Error)
"""What a case raises for a broken bus: a failed check, a message that never came, an error of a client library."""


@pytest.fixture
async def wrapped(tmp_path: Path) -> AsyncIterator[BusBackend]:
    """A backend that opens the mutant of the environment, here and in other processes."""
    url = f"sqlite://{tmp_path}/bus.db"
    async with each_port(lambda adapters: open_mutant(adapters, url, EMBEDDED.ack_deadline_s)) as (open_bus, close_bus):
        yield bus_backend(url, EMBEDDED, open_bus, close_bus, folder=tmp_path, opener=OPENER)


async def _run(case: str, backend: BusBackend) -> None:
    """Run one case of the suite with this backend."""
    topic = "topic"
    dead = f"{topic}-dead"
    function = getattr(suite, case)
    wanted = inspect.signature(function).parameters
    arguments: dict[str, Any] = {
        "backend": backend,
        "unique": "unique",
        "topic": topic,
        "workers": Subscription(name="workers", topic=topic, dead_letter_topic=dead),
        "dying": Subscription(
            name="dying", topic=topic, dead_letter_topic=dead, max_deliveries=EMBEDDED.max_deliveries
        ),
        "mourners": Subscription(name="mourners", topic=dead),
    }
    if "bus" in wanted:
        arguments["bus"] = await backend.open()
    await function(**{name: arguments[name] for name in wanted})


@pytest.mark.slow  # the suite itself runs these cases with the bus as it is; this guards the wrapper only
@pytest.mark.parametrize("case", sorted(set(MUTANTS.values())))
async def test_the_case_passes_with_the_real_bus(case: str, wrapped: BusBackend) -> None:
    await _run(case, wrapped)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
async def test_the_mutant_is_caught(
    mutant: type[Wrapper], wrapped: BusBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NAME, mutant.__name__)
    monkeypatch.setattr(suite, "PATIENCE_S", MUTANT_PATIENCE_S)
    with pytest.raises(CAUGHT):
        await _run(MUTANTS[mutant], wrapped)
