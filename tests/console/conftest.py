"""A facade with a console, inside the test's own process."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from publisher.settings import PublisherSettings
from tests.facade.doors import Door, door_to, settings_for
from tests.facade.hand import Hand, hand_at


@pytest.fixture
def settings(tmp_path: Path) -> PublisherSettings:
    return settings_for(tmp_path, events_look_every_s=0.05)


@pytest.fixture
async def door(settings: PublisherSettings) -> AsyncIterator[Door]:
    async with door_to(settings) as door:
        yield door


@pytest.fixture
async def hand(door: Door) -> AsyncIterator[Hand]:
    async with hand_at(door.desk) as hand:
        yield hand
