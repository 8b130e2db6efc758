"""The wall clock is set by hours: leases, subscriptions and looks at jobs keep their distance in time."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.embedded.bus import SqliteBus
from infra.embedded.database import Database
from infra.embedded.jobs import SqliteJobs
from schemas.domain.job import new_job
from schemas.ports import Delivery, JobQuery, Subscription
from schemas.wire.message import Message
from schemas.wire.request import VideoRequest

HOUR_S = 3600
WORKERS = Subscription(name="workers", topic="requests", dead_letter_topic="dead")
LISTENER = Subscription(name="listener", topic="requests", ephemeral=True)
PATIENCE_S = 30
both_ways = pytest.mark.parametrize("jump_s", [HOUR_S, -2 * HOUR_S])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "reelbus.db"


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def _bus(stack: AsyncExitStack, file: Path, *, ack_deadline_s: float) -> SqliteBus:
    """The bus of one more process."""
    database = await Database.open(file)
    stack.push_async_callback(database.aclose)
    bus = SqliteBus(database, ack_deadline_s=ack_deadline_s, poll_interval_s=0.05)
    stack.push_async_callback(bus.aclose)
    return bus


def _set_clock(monkeypatch: pytest.MonkeyPatch, by_s: int) -> None:
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + by_s * 1_000_000_000)


async def _next(deliveries: AsyncIterator[Delivery]) -> Delivery:
    async with asyncio.timeout(PATIENCE_S):
        return await anext(deliveries)


@both_ways
@pytest.mark.parametrize("starts", ["before", "after"])
async def test_a_dead_workers_message_comes_again_in_time(
    stack: AsyncExitStack, file: Path, monkeypatch: pytest.MonkeyPatch, jump_s: int, starts: str
) -> None:
    dead = await _bus(stack, file, ack_deadline_s=1)
    await dead.ensure(WORKERS)
    await dead.publish(WORKERS.topic, Message(data=b"paid"))
    await _next(await stack.enter_async_context(dead.subscribe(WORKERS, limit=1)))
    dead._renewer.stop()
    others = [await _bus(stack, file, ack_deadline_s=1)] if starts == "before" else []
    for bus in others:
        await bus.publish("elsewhere", Message(data=b""))  # it has seen the clock
    _set_clock(monkeypatch, jump_s)
    bus = others[0] if others else await _bus(stack, file, ack_deadline_s=1)
    delivery = await _next(await stack.enter_async_context(bus.subscribe(WORKERS, limit=1)))
    assert (delivery.message.data, delivery.attempt) == (b"paid", 2)
    await delivery.ack()


async def test_a_living_workers_message_stays_its_own(
    stack: AsyncExitStack, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = await _bus(stack, file, ack_deadline_s=60)
    await holder.ensure(WORKERS)
    await holder.publish(WORKERS.topic, Message(data=b"held"))
    await _next(await stack.enter_async_context(holder.subscribe(WORKERS, limit=1)))
    _set_clock(monkeypatch, HOUR_S)
    other = await _bus(stack, file, ack_deadline_s=60)
    await other.publish(WORKERS.topic, Message(data=b"new"))
    delivery = await _next(await stack.enter_async_context(other.subscribe(WORKERS, limit=1)))
    assert delivery.message.data == b"new"


@both_ways
async def test_a_message_handed_back_comes_after_its_pause(
    stack: AsyncExitStack, file: Path, monkeypatch: pytest.MonkeyPatch, jump_s: int
) -> None:
    bus = await _bus(stack, file, ack_deadline_s=60)
    await bus.ensure(WORKERS)
    await bus.publish(WORKERS.topic, Message(data=b"later"))
    await bus.publish(WORKERS.topic, Message(data=b"much later"))
    deliveries = await stack.enter_async_context(bus.subscribe(WORKERS, limit=2))
    await (await _next(deliveries)).nack(delay_s=0.5)
    await (await _next(deliveries)).nack(delay_s=600)
    _set_clock(monkeypatch, jump_s)
    assert (await _next(deliveries)).message.data == b"later"
    with closing(sqlite3.connect(file)) as connection:
        (at,) = connection.execute("SELECT max(visible_at) FROM deliveries WHERE lease IS NULL").fetchone()
    assert 0 < at - time.time_ns() // 1_000_000 <= 600_000


async def test_a_facades_own_subscription_outlives_the_step(
    stack: AsyncExitStack, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    facade = await _bus(stack, file, ack_deadline_s=60)
    deliveries = await stack.enter_async_context(facade.subscribe(LISTENER, limit=1))
    _set_clock(monkeypatch, HOUR_S)
    other = await _bus(stack, file, ack_deadline_s=60)
    await other.ensure(Subscription(name="another", topic="requests", ephemeral=True))  # sweeps what expired
    await other.publish("requests", Message(data=b"heard"))
    assert (await _next(deliveries)).message.data == b"heard"


@both_ways
async def test_a_job_is_looked_at_when_it_would_have_been(
    stack: AsyncExitStack, file: Path, monkeypatch: pytest.MonkeyPatch, jump_s: int
) -> None:
    database = await Database.open(file)
    stack.push_async_callback(database.aclose)
    jobs = SqliteJobs(database)
    created = datetime.now(UTC)
    await jobs.create(new_job(VideoRequest(job_id="job-1", prompt="A harbour at dawn"), created))
    _set_clock(monkeypatch, jump_s)
    await jobs.create(new_job(VideoRequest(job_id="job-2", prompt="A harbour at dawn"), created + timedelta(days=9)))
    due = created + timedelta(seconds=jump_s)
    early = await jobs.list(JobQuery(due_before=due + timedelta(seconds=100)))
    late = await jobs.list(JobQuery(due_before=due + timedelta(seconds=140)))
    assert [[job.job_id for job in page.jobs] for page in (early, late)] == [[], ["job-1"]]
