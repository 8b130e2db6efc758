"""Several real processes on one file: killed, stopped and racing. Run as a module, this file is the other process."""

import asyncio
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from infra.embedded.bus import SqliteBus
from infra.embedded.database import Database
from infra.embedded.jobs import SqliteJobs
from schemas.domain.job import new_job
from schemas.errors import AlreadyExists
from schemas.ports import Delivery, Subscription
from schemas.wire.message import Message
from schemas.wire.request import VideoRequest
from tests.support.processes import ROOT, Streamed, fork_streamed

WORKERS = Subscription(name="workers", topic="topic")
OWN = Subscription(name="own", topic="topic", ephemeral=True)
DEADLINE_S = 0.6
PATIENCE_S = 30.0
RACERS = 3
NO_POLL_S = 60.0
"""So long that only a hint can explain what comes sooner."""


@asynccontextmanager
async def a_bus(folder: Path) -> AsyncIterator[SqliteBus]:
    async with AsyncExitStack() as stack:
        database = await Database.open(folder / "test.db")
        stack.push_async_callback(database.aclose)
        bus = SqliteBus(database, ack_deadline_s=DEADLINE_S, poll_interval_s=NO_POLL_S)
        stack.push_async_callback(bus.aclose)
        yield bus


async def take_one(flow: AsyncIterator[Delivery]) -> Delivery:
    async with asyncio.timeout(PATIENCE_S):
        return await anext(flow)


def say(*words: object) -> None:
    sys.stdout.write(f"{' '.join(map(str, words))}\n")
    sys.stdout.flush()


async def hold(folder: Path) -> None:
    """Take one message, and settle it only when told to."""
    async with a_bus(folder) as bus, bus.subscribe(OWN, limit=1), bus.subscribe(WORKERS, limit=1) as flow:
        say("ready")
        delivery = await take_one(flow)
        say("took", delivery.message.data.decode(), delivery.attempt)
        await asyncio.to_thread(sys.stdin.readline)
        await delivery.nack()
        say("settled")
        await asyncio.to_thread(sys.stdin.readline)


async def publish(folder: Path) -> None:
    """Publish whatever is said."""
    async with a_bus(folder) as bus:
        say("ready")
        while text := (await asyncio.to_thread(sys.stdin.readline)).strip():
            await bus.publish(WORKERS.topic, Message(data=text.encode()))


async def race(folder: Path) -> None:
    """Open the file, then create as many jobs as possible, all at the same moment as the others."""
    say("ready")
    await asyncio.to_thread(sys.stdin.readline)
    database = await Database.open(folder / "test.db")
    jobs = SqliteJobs(database)
    won = 0
    for index in range(50):
        request = VideoRequest(job_id=f"j{index}", prompt="a slow pan over a desk")
        try:
            await jobs.create(new_job(request, datetime.now(UTC)))
        except AlreadyExists:
            continue
        won += 1
    await database.aclose()
    say(won)


class Other:
    """Another process, and what it says."""

    def __init__(self, process: Streamed) -> None:
        assert process.stdin
        assert process.stdout
        self.process, self._stdin, self._stdout = process, process.stdin, process.stdout

    async def says(self) -> str:
        async with asyncio.timeout(PATIENCE_S):
            return (await self._stdout.readline()).decode().strip()

    async def tell(self, text: str = "") -> None:
        self._stdin.write(f"{text}\n".encode())
        await self._stdin.drain()


@asynccontextmanager
async def another(role: str, folder: Path) -> AsyncIterator[Other]:
    module = "tests.unit.test_embedded_processes"
    process = await fork_streamed(module, role, str(folder), env=os.environ, cwd=ROOT, stdin=PIPE, stdout=PIPE)
    try:
        other = Other(process)
        assert await other.says() == "ready"
        yield other
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_after_a_kill_its_message_comes_again_within_the_deadline(tmp_path: Path) -> None:
    async with a_bus(tmp_path) as bus, another("hold", tmp_path) as other:
        await bus.publish(WORKERS.topic, Message(data=b"work"))
        assert await other.says() == "took work 1"
        async with bus.subscribe(WORKERS, limit=1) as flow:
            os.kill(other.process.pid, signal.SIGKILL)
            killed_at = time.monotonic()
            again = await take_one(flow)
            assert time.monotonic() - killed_at < DEADLINE_S + 1  # a second for a busy machine
            assert (again.message.data, again.attempt) == (b"work", 2)
            await again.ack()


async def test_a_process_that_was_away_too_long_can_not_settle_any_more(tmp_path: Path) -> None:
    async with a_bus(tmp_path) as bus, another("hold", tmp_path) as other:
        await bus.publish(WORKERS.topic, Message(data=b"work"))
        assert await other.says() == "took work 1"
        async with bus.subscribe(WORKERS, limit=2) as flow:
            await _stop(other, bus)
            mine = await take_one(flow)
            assert mine.attempt == 2
            os.kill(other.process.pid, signal.SIGCONT)
            await other.tell("nack it")
            assert await other.says() == "settled"
            other.process.kill()  # or it might take the next one itself
            await other.process.wait()
            await bus.publish(WORKERS.topic, Message(data=b"next"))
            following = await take_one(flow)
            assert following.message.data == b"next"
            await following.ack()
            # Had its nack counted, the message would be somebody else's by now, and this ack would do nothing.
            await mine.ack()
            assert await _rows(bus, "deliveries JOIN subscriptions ON id = subscription_id WHERE name = 'workers'") == 0


async def test_what_a_killed_process_had_for_itself_is_swept(tmp_path: Path) -> None:
    async with a_bus(tmp_path) as bus:
        async with another("hold", tmp_path) as other:
            os.kill(other.process.pid, signal.SIGKILL)
        await bus.publish(OWN.topic, Message(data=b"for nobody"))
        long_ago = "UPDATE subscriptions SET expires_at = 1 WHERE name = 'own'"
        await bus._database.write(lambda connection: connection.execute(long_ago).rowcount)
        for _ in range(2):  # first what lies there, then itself
            await bus._database.write(bus._renew)
        assert await _rows(bus, "subscriptions") == 1  # the named one stays
        async with bus.subscribe(WORKERS, limit=1) as flow:
            await (await take_one(flow)).ack()
        assert await _rows(bus, "deliveries") == 0
        assert await _rows(bus, "messages") == 0


async def _stop(other: Other, bus: SqliteBus) -> None:
    """SIGSTOP while this process writes: a process that is stopped with SQLite's lock keeps it."""
    await bus._database.write(lambda _: os.kill(other.process.pid, signal.SIGSTOP))


async def _rows(bus: SqliteBus, table: str) -> int:
    query = f"SELECT count(*) FROM {table}"
    return await bus._database.read(lambda connection: int(connection.execute(query).fetchone()[0]))


async def test_a_hint_brings_another_process_s_message_at_once(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(a_bus(tmp_path))
        flow = await stack.enter_async_context(bus.subscribe(WORKERS, limit=1))
        other = await stack.enter_async_context(another("publish", tmp_path))
        for text in ("one", "two", "three"):
            started = time.monotonic()
            await other.tell(text)
            delivery = await take_one(flow)
            assert delivery.message.data.decode() == text
            assert time.monotonic() - started < NO_POLL_S / 10
            await delivery.ack()


async def test_the_hints_of_a_killed_process_are_cleared_away(tmp_path: Path) -> None:
    async with a_bus(tmp_path) as bus:
        async with another("hold", tmp_path) as other:
            assert len(list((tmp_path / "wake").iterdir())) == 1
            os.kill(other.process.pid, signal.SIGKILL)
        assert len(list((tmp_path / "wake").iterdir())) == 1
        await bus.publish(WORKERS.topic, Message(data=b"x"))
        await asyncio.sleep(0)
        assert list((tmp_path / "wake").iterdir()) == []


async def test_processes_that_start_and_create_at_once_agree(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        racers = [await stack.enter_async_context(another("race", tmp_path)) for _ in range(RACERS)]
        for racer in racers:
            await racer.tell("go")
        won = [int(await racer.says()) for racer in racers]
    assert sum(won) == 50


if __name__ == "__main__":
    asyncio.run({"hold": hold, "publish": publish, "race": race}[sys.argv[1]](Path(sys.argv[2])))
