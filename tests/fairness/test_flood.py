"""One key's flood of 2,000 jobs holds up no other key: ten jobs of another are submitted among the flood's first ones.

Held by counts: the place of a job in the order in which the model is asked.
"""

from pathlib import Path

from tests.fairness.house import fair_house

FLOOD = 2000
IN_FLIGHT = 4
ROUND = 2
"""While two keys wait, each has every other turn."""


async def test_ten_jobs_do_not_wait_for_a_flood(tmp_path: Path) -> None:
    async with fair_house(tmp_path) as house:
        await house.submit("flood", range(FLOOD))
        ten = await house.submit("other", range(10))
        house.gate.touch()
        with house.worker():
            await house.until_logged("parked", FLOOD + 10 - IN_FLIGHT)
            house.gate.unlink()
            order = await house.until_submitted(ten)
            last = max(order.index(name) for name in ten)
            assert last < IN_FLIGHT + ROUND * 10 + IN_FLIGHT, order[:60]
