"""The flow control that every bus uses, over a source in memory: what it leases, settles and gives back."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from infra.subscription_stream import LeasedBatch, SubscriptionStream
from schemas.errors import Moved, Unavailable
from schemas.wire.message import Message

PATIENCE_S = 30.0


@dataclass(frozen=True)
class Held:
    id: str
    attempt: int = 1

    @property
    def message(self) -> Message:
        return Message(data=self.id.encode())


@dataclass
class MemorySource:
    """A `LeaseSource` over a list. It notes what the stream asks for."""

    waiting: list[Held]
    errors: list[Exception] = field(default_factory=list)
    """Raised by the next reads, one each."""
    reads: list[int] = field(default_factory=list)
    settled: list[tuple[str, ...]] = field(default_factory=list)
    given_back: list[str] = field(default_factory=list)
    ack_error: Exception | None = None
    has_read: asyncio.Event = field(default_factory=asyncio.Event)

    async def lease(self, limit: int) -> LeasedBatch[Held]:
        self.reads.append(limit)
        self.has_read.set()
        if self.errors:
            raise self.errors.pop(0)
        batch, self.waiting = self.waiting[:limit], self.waiting[limit:]
        return LeasedBatch(messages=batch)

    async def ack(self, held: Held) -> None:
        if self.ack_error:
            raise self.ack_error
        self.settled.append(("ack", held.id))

    async def nack(self, held: Held, *, delay_s: float) -> None:
        self.settled.append(("nack", held.id, str(delay_s)))

    async def dead_letter(self, held: Held, *, cause: str) -> None:
        self.settled.append(("dead_letter", held.id, cause))

    async def give_back(self, unread: Sequence[Held]) -> None:
        self.given_back += [held.id for held in unread]


@asynccontextmanager
async def streaming(
    source: MemorySource, *, limit: int, poll_interval_s: float = 3600.0
) -> AsyncIterator[SubscriptionStream[Held]]:
    stream = SubscriptionStream(source, subscription="s", limit=limit, poll_interval_s=poll_interval_s)
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield stream
    finally:
        await stream.stop()


def source_of(*names: str) -> MemorySource:
    return MemorySource([Held(name) for name in names])


async def test_it_leases_as_many_as_the_limit_and_the_next_one_when_a_slot_is_free() -> None:
    source = source_of("a", "b", "c")
    async with streaming(source, limit=2) as stream:
        first, second = await anext(stream), await anext(stream)
        assert (first.message_id, second.message_id, source.reads) == ("a", "b", [2])
        await first.ack()
        assert (await anext(stream)).message_id == "c"
        assert source.reads == [2, 1]


async def test_a_message_is_settled_once_and_a_delay_is_bounded() -> None:
    source = source_of("a", "b")
    async with streaming(source, limit=2) as stream:
        first, second = await anext(stream), await anext(stream)
        await first.nack(delay_s=10_000)
        await first.ack()
        await second.dead_letter("no job")
        await second.nack()
    assert source.settled == [("nack", "a", "600"), ("dead_letter", "b", "no job")]


async def test_a_settlement_that_fails_frees_its_slot() -> None:
    source = source_of("a", "b")
    source.ack_error = Unavailable("away")
    async with streaming(source, limit=1) as stream:
        with pytest.raises(Unavailable, match="away"):
            await (await anext(stream)).ack()
        assert (await anext(stream)).message_id == "b"


async def test_a_hint_makes_it_read_again() -> None:
    source = source_of()
    async with streaming(source, limit=5) as stream:
        await source.has_read.wait()
        source.waiting = [Held("late")]
        stream.nudge()
        assert (await anext(stream)).message_id == "late"


async def test_a_source_out_of_reach_is_read_again() -> None:
    source = source_of("a")
    source.errors = [Unavailable("away"), Unavailable("away")]
    async with streaming(source, limit=1, poll_interval_s=0) as stream:
        assert (await anext(stream)).message_id == "a"
    assert source.reads[:3] == [1, 1, 1]


@pytest.mark.parametrize("error", [Moved(), RuntimeError("a bug")])
async def test_another_error_ends_it_and_reaches_the_consumer(error: Exception) -> None:
    source = source_of()
    source.errors = [error]
    stream = SubscriptionStream(source, subscription="s", limit=1, poll_interval_s=3600)
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(type(error)):
            await anext(stream)


async def test_what_no_consumer_received_is_given_back() -> None:
    source = source_of("a", "b", "c")
    async with streaming(source, limit=3) as stream:
        received = await anext(stream)
    assert source.given_back == ["b", "c"]
    await received.ack()
    assert source.settled == [("ack", "a")]
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_a_cancelled_wait_loses_no_message() -> None:
    source = source_of()
    async with streaming(source, limit=1) as stream:
        await source.has_read.wait()
        waiting = asyncio.ensure_future(anext(stream))
        source.waiting = [Held("a")]
        stream.nudge()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert (await anext(stream)).message_id == "a"


async def test_a_slot_that_becomes_free_during_a_read_is_used_at_once() -> None:
    source = source_of("a")
    async with streaming(source, limit=2) as stream:
        first = await anext(stream)
        lease = source.lease

        async def lease_and_settle(limit: int) -> LeasedBatch[Held]:
            source.lease = lease  # type: ignore[method-assign]
            await first.ack()
            return await lease(limit)

        source.lease = lease_and_settle  # type: ignore[method-assign]
        source.waiting += [Held("b"), Held("c")]
        stream.nudge()
        assert [(await anext(stream)).message_id for _ in range(2)] == ["b", "c"]
