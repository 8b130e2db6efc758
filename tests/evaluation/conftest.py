"""The service on the wire, and a house for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.evaluation.house import House, house_in
from tests.evaluation.service import EvaluationService, open_service


@pytest.fixture
async def service() -> AsyncIterator[EvaluationService]:
    async with open_service() as service:
        yield service


@pytest.fixture
async def house(tmp_path: Path, service: EvaluationService) -> AsyncIterator[House]:
    async with house_in(tmp_path, service) as house:
        yield house
