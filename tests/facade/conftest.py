"""A facade and a hand on one temporary folder."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from publisher.settings import PublisherSettings
from tests.facade.certs import certs, google
from tests.facade.doors import Door, door_to, settings_for
from tests.facade.hand import Hand, hand_at

__all__ = ["certs", "google"]


@pytest.fixture
def settings(tmp_path: Path) -> PublisherSettings:
    """Long waits: a test that relies on a completion fails on its timeout where the completion is not heard."""
    return settings_for(tmp_path)


@pytest.fixture
async def door(settings: PublisherSettings) -> AsyncIterator[Door]:
    async with door_to(settings) as door:
        yield door


@pytest.fixture
async def hand(door: Door) -> AsyncIterator[Hand]:
    async with hand_at(door.desk) as hand:
        yield hand
