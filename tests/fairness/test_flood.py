"""One key's flood of 2,000 jobs holds up no other key: ten jobs of another are submitted among the flood's first ones.

Held by counts: the place of a job in the order in which the model is asked.
"""

import os
from pathlib import Path

import pytest

from tests.fairness.house import FairHouse, fair_house
from tests.gcp.emulated import Project

FLOOD = 2000
EMULATED_FLOOD = int(os.environ.get("FLOOD", "400"))
"""The emulators take about 70 ms for each job; `make long` sends 2,000."""
SLOTS = 4
HELD = 33
"""Jobs that one worker has by default beside no other: three quarters of 4 and 40 messages."""
BATCH_HELD = 3
"""Of the four slots one is never a batch job's."""
ROUND = 2
"""While two keys wait, each has every other turn."""
PACE = {"FAIR_PRICE": "0.40", "REELBUS_SUBMITS_PER_MINUTE": "1200"}
"""A paid model, of which the worker has a share of 20 submits a second."""

PATIENT = {
    "REELBUS_ACK_DEADLINE_S": "60",
    "REELBUS_SUBMIT_TIMEOUT_S": "300",
    "REELBUS_SUBMITTING_HOLD_S": "500",
}
"""The model is busy for as long as the emulators need for the flood."""


@pytest.mark.slow
async def test_ten_jobs_do_not_wait_for_a_flood(tmp_path: Path) -> None:
    async with fair_house(tmp_path) as house:
        await _flood_and_count(house, FLOOD)


@pytest.mark.slow
async def test_ten_jobs_do_not_wait_for_a_flood_at_the_pace_of_a_paid_model(tmp_path: Path) -> None:
    async with fair_house(tmp_path) as house:
        house.settings = PACE
        await _flood_and_count(house, FLOOD)


@pytest.mark.quick
async def test_ten_jobs_do_not_wait_for_a_hundred(tmp_path: Path) -> None:
    """The same in small, for every run of the tests."""
    async with fair_house(tmp_path) as house:
        await _flood_and_count(house, 100)


@pytest.mark.slow
@pytest.mark.emulator
@pytest.mark.timeout(600)
async def test_ten_jobs_do_not_wait_for_a_flood_on_the_emulators(tmp_path: Path, project: Project) -> None:
    project.set_up()
    addresses = {"bus": project.bus_url, "jobs": project.jobs_url, "videos": project.videos_url}
    async with fair_house(tmp_path, **addresses) as house:
        house.settings = PATIENT
        await _flood_and_count(house, EMULATED_FLOOD)


async def _flood_and_count(house: FairHouse, flood: int) -> None:
    """All are on the bus, the ten behind the flood, while the model is busy; then it answers at once."""
    await house.submit("flood", range(flood))
    ten = await house.submit("other", range(10))
    house.gate.touch()
    with house.worker():
        await house.until_logged("parked", flood + 10 - HELD)
        house.gate.unlink()
        order = await house.until_submitted(ten)
    last = max(order.index(name) for name in ten)
    assert last < HELD + ROUND * 10 + SLOTS, order[:100]


async def test_interactive_jobs_do_not_wait_for_a_flood_in_the_batch_lane(tmp_path: Path) -> None:
    """Also of the same key; and the batch lane goes on meanwhile."""
    async with fair_house(tmp_path) as house:
        await house.submit("batch", range(100), priority="batch")
        house.gate.touch()
        with house.worker():
            await house.until_logged("parked", 100 - BATCH_HELD)
            ten = await house.submit("other", range(10))
            house.gate.unlink()
            order = await house.until_submitted(ten)
            assert max(order.index(name) for name in ten) < BATCH_HELD + 10 + SLOTS, order
            await house.until_ended(110)
            assert sorted(house.order) == sorted([*ten, *(f"batch-{number}" for number in range(100))])
