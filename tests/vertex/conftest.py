"""One rig for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.gcp.emulated import emulators, project
from tests.vertex.rig import Rig, rig_in

__all__ = ["emulators", "project"]


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig_in(tmp_path) as rig:
        yield rig
