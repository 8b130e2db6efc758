"""A thousand events for ten receivers, while another one hangs for ever, and has a thousand more.

The share of the hanging receiver never comes back, so an event that needed it would never arrive. The test prints how
long events took with and without it, and asserts no time.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import quantiles

import pytest

from infra.webhooks import poster
from schemas.domain.delivery import DeliveryState
from schemas.ports import DeliveryQuery
from subscriber.courier.bulkhead import PER_HOST
from tests.courier.house import House, house_in
from tests.courier.receivers import Receiver, receiving

EVENTS, OTHERS = 1000, 10
_FOR_EVER_S = 3600.0
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@asynccontextmanager
async def _receivers() -> AsyncIterator[Sequence[Receiver]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(receiving(Receiver())) for _ in range(OTHERS)]


async def _post_all(house: House, receivers: Sequence[Receiver], name: str) -> list[float]:
    """Each receiver gets its events one after the other. Return how long each took from its end to its arrival."""

    async def post_each(lane: int, receiver: Receiver) -> list[float]:
        took = []
        for number in range(EVENTS // OTHERS):
            began = time.monotonic()
            await house.end(f"{name}-{lane}-{number}", receiver.url)
            await receiver.until(number + 1)
            took.append(time.monotonic() - began)
        return took

    lanes = await asyncio.gather(*(post_each(*each) for each in enumerate(receivers)))
    return [each for lane in lanes for each in lane]


async def _count_waiting(house: House, receiver: Receiver) -> int:
    """Wait until all completions are taken, and return how many events of the receiver are pending."""
    query = DeliveryQuery(state=DeliveryState.PENDING, limit=2 * EVENTS)
    async with asyncio.timeout(120):
        while True:
            waiting = (await house.ctx.deliveries.list(query)).deliveries
            count = len([each for each in waiting if each.url == receiver.url])
            if count >= EVENTS:
                return count
            await asyncio.sleep(0.1)


async def test_a_thousand_events_pass_a_receiver_that_hangs_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    monkeypatch.setattr(poster, "WHOLE_S", _FOR_EVER_S)
    (tmp_path / "alone").mkdir()
    async with house_in(tmp_path / "alone") as house, _receivers() as others, house.running():
        alone = await _post_all(house, others, "alone")
    async with receiving(Receiver(answer=b"")) as hanging, house_in(tmp_path) as house, _receivers() as others:
        for number in range(EVENTS):
            await house.end(f"hanging-{number}", hanging.url)
        async with house.running():
            await hanging.until(PER_HOST)
            beside = await _post_all(house, others, "beside")
            assert hanging.open == hanging.most_open == hanging.connections == PER_HOST
            assert await _count_waiting(house, hanging) == EVENTS, "none of them is lost"
        ids = [headers["webhook-id"] for other in others for headers, _ in other.got]
        assert len(ids) == len(set(ids)) == EVENTS
        assert max(other.most_open for other in others) <= PER_HOST
    for name, took in (("alone", alone), ("beside the hanging one", beside)):
        p95_ms = quantiles(took, n=20)[-1] * 1000
        record_property(f"p95 {name}, ms", round(p95_ms))
        print(f"p95 {name}: {p95_ms:.0f} ms")  # noqa: T201
