"""What the SQLite bus does beyond its contract: quick without polling, careful with what it can't know."""

import asyncio
import os
import sqlite3
import stat
import threading
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing, suppress
from pathlib import Path

import pytest

from infra.embedded.bus import SqliteBus
from infra.embedded.database import Database
from schemas.errors import Invalid, Unavailable
from schemas.ports import Delivery, Subscription
from schemas.wire.message import Message

WORKERS = Subscription(name="workers", topic="a topic/with ümlauts")
PATIENCE_S = 30.0


class House:
    """Buses on one file, each as its own process would have it."""

    def __init__(self, path: Path, stack: AsyncExitStack) -> None:
        self.path = path
        self._stack = stack

    async def bus(self, *, ack_deadline_s: float = 15, poll_interval_s: float = 60) -> SqliteBus:
        database = await Database.open(self.path)
        self._stack.push_async_callback(database.aclose)
        bus = SqliteBus(database, ack_deadline_s=ack_deadline_s, poll_interval_s=poll_interval_s)
        self._stack.push_async_callback(bus.aclose)
        return bus

    def count(self, sql: str) -> int:
        with closing(sqlite3.connect(self.path)) as connection:
            return int(connection.execute(sql).fetchone()[0])


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        yield House(tmp_path / "test.db", stack)


async def take_one(flow: AsyncIterator[Delivery]) -> Delivery:
    async with asyncio.timeout(PATIENCE_S):
        return await anext(flow)


async def publish(bus: SqliteBus, text: str) -> None:
    await bus.publish(WORKERS.topic, Message(data=text.encode()))


def fill(fifo: Path) -> None:
    handle = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
    with suppress(BlockingIOError):
        while True:
            os.write(handle, b"!" * 4096)
    os.close(handle)


async def test_without_hints_polling_finds_it(house: House) -> None:
    (house.path.parent / "wake").write_text("a file where the folder should be")
    one, other = await house.bus(), await house.bus(poll_interval_s=0.05)
    async with other.subscribe(WORKERS, limit=1) as flow:
        await publish(one, "polled")
        await (await take_one(flow)).ack()


async def test_the_ear_is_a_fifo_of_its_own_and_goes_with_its_listener(house: House) -> None:
    bus = await house.bus()
    folder = house.path.parent / "wake"
    async with bus.subscribe(WORKERS, limit=1), bus.subscribe(Subscription(name="b", topic=WORKERS.topic), limit=1):
        (ear,) = folder.iterdir()
        assert stat.S_ISFIFO(ear.stat().st_mode)
    assert list(folder.iterdir()) == []


async def test_a_full_ear_hinders_no_publisher(house: House) -> None:
    publisher, consumer = await house.bus(), await house.bus()
    async with consumer.subscribe(WORKERS, limit=1) as flow:
        (ear,) = (house.path.parent / "wake").iterdir()
        fill(ear)
        await publish(publisher, "heard")
        await (await take_one(flow)).ack()


async def test_a_nack_is_offered_to_all_when_its_time_comes(house: House) -> None:
    one, other = await house.bus(), await house.bus()
    async with one.subscribe(WORKERS, limit=5) as mine:
        await publish(one, "again")
        await (await take_one(mine)).nack(delay_s=0.1)
        delivery = await take_one(mine)
    async with other.subscribe(WORKERS, limit=5) as theirs:
        await delivery.nack(delay_s=0.1)
        again = await take_one(theirs)
        assert again.attempt == 3
        await again.ack()


async def test_leases_are_kept_while_the_event_loop_is_held_up(house: House) -> None:
    one, other = await house.bus(ack_deadline_s=0.3), await house.bus(ack_deadline_s=0.3)
    async with one.subscribe(WORKERS, limit=1) as mine:
        await publish(one, "long")
        delivery = await take_one(mine)
        threading.Event().wait(1)  # nothing on the loop runs meanwhile
        query = f"SELECT count(*) FROM deliveries WHERE visible_at > {time.time_ns() // 1_000_000}"
        assert house.count(query) == 1
        async with other.subscribe(WORKERS, limit=1):
            await delivery.ack()


async def test_a_settlement_that_failed_lets_the_message_come_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.embedded.database.BUSY_TIMEOUT_S", 0.05)
    bus = await house.bus(ack_deadline_s=0.5)
    async with bus.subscribe(WORKERS, limit=1) as flow:
        await publish(bus, "again")
        delivery = await take_one(flow)
        with closing(sqlite3.connect(house.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(Unavailable):
                await delivery.ack()
            with pytest.raises(Unavailable):
                await publish(bus, "not now")
            other.execute("ROLLBACK")
        again = await take_one(flow)
        assert (again.message.data, again.attempt) == (b"again", 2)
        await again.ack()


async def test_a_lease_that_nobody_answered_for_runs_out(house: House) -> None:
    """As after a claim whose commit went through and whose answer was lost."""
    bus = await house.bus(ack_deadline_s=0.3)
    async with bus.subscribe(WORKERS, limit=1) as flow:
        await publish(bus, "lost")
        await take_one(flow)
        bus._leases._topics.clear()
        async with (await house.bus()).subscribe(WORKERS, limit=1) as theirs:
            again = await take_one(theirs)
            assert again.attempt == 2
            await again.ack()


async def test_closing_the_bus_ends_its_flows(house: House) -> None:
    bus = await house.bus()
    async with bus.subscribe(WORKERS, limit=1) as flow:
        waiting = asyncio.create_task(take_one(flow))
        await asyncio.sleep(0)
        await bus.aclose()
        with pytest.raises(StopAsyncIteration):
            await waiting
        assert [delivery async for delivery in flow] == []


async def test_what_arrives_after_the_last_delivery_of_a_killed_process_is_a_dead_letter(house: House) -> None:
    bus = await house.bus(ack_deadline_s=0.2)
    dying = Subscription(name="dying", topic="topic", dead_letter_topic="dead", max_deliveries=2)
    mourners = Subscription(name="mourners", topic="dead")
    async with bus.subscribe(mourners, limit=1) as mourning, bus.subscribe(dying, limit=1) as flow:
        await bus.publish("topic", Message(data=b"deadly"))
        for _ in range(2):  # never settled, as by a process that dies of it each time
            await take_one(flow)
            bus._leases._topics.clear()
            flow._free += 1  # type: ignore[attr-defined]
            flow.nudge()  # type: ignore[attr-defined]
        await (await take_one(mourning)).ack()
    letters = await bus.dead_letters()
    assert [(letter.message.data, letter.deliveries) for letter in letters] == [(b"deadly", 2)]


async def test_nothing_is_kept_that_no_subscription_needs(house: House) -> None:
    bus = await house.bus()
    await publish(bus, "nobody listens")
    own = Subscription(name="own", topic=WORKERS.topic, ephemeral=True)
    async with bus.subscribe(own, limit=1), bus.subscribe(WORKERS, limit=1) as flow:
        await publish(bus, "one reads it")
        await (await take_one(flow)).ack()
        assert house.count("SELECT count(*) FROM messages") == 1
    assert house.count("SELECT count(*) FROM messages") == 0
    assert house.count("SELECT count(*) FROM subscriptions") == 1


async def test_a_large_leftover_is_swept_in_small_steps(house: House) -> None:
    bus = await house.bus()
    own = Subscription(name="own", topic="topic", ephemeral=True)
    async with bus.subscribe(own, limit=1):
        await asyncio.gather(*(bus.publish("topic", Message(data=b"x")) for _ in range(2500)))
    assert house.count("SELECT count(*) FROM deliveries") == 0
    assert house.count("SELECT count(*) FROM messages") == 0


async def test_a_name_stays_on_its_topic(house: House) -> None:
    bus = await house.bus()
    await bus.ensure(WORKERS)
    with pytest.raises(Invalid, match="workers"):
        await bus.ensure(Subscription(name="workers", topic="elsewhere"))
