"""One key's flood of 2,000 jobs holds up no other key: ten jobs of another are submitted among the flood's first ones.

Held by counts: the place of a job in the order in which the model is asked.
"""

from pathlib import Path

from tests.fairness.house import fair_house

FLOOD = 2000
SLOTS = 4
HELD = 33
"""Jobs that one worker has by default beside no other: three quarters of 4 and 40 messages."""
ROUND = 2
"""While two keys wait, each has every other turn."""


async def test_ten_jobs_do_not_wait_for_a_flood(tmp_path: Path) -> None:
    """All are on the bus, the ten behind the flood, while the model is busy; then it answers at once."""
    async with fair_house(tmp_path) as house:
        await house.submit("flood", range(FLOOD))
        ten = await house.submit("other", range(10))
        house.gate.touch()
        with house.worker():
            await house.until_logged("parked", FLOOD + 10 - HELD)
            house.gate.unlink()
            order = await house.until_submitted(ten)
            last = max(order.index(name) for name in ten)
            assert last < HELD + ROUND * 10 + SLOTS, order[:100]
