"""Turns between keys and lanes, and the rate at which they are handed out, whatever is asked and cancelled."""

import asyncio
import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.clock import SystemClock
from schemas.wire.types import Priority
from subscriber.fair_queue import BATCH_EVERY, FairQueue, Share
from subscriber.rate_limit import BURST_S, SubmitRateLimiter, Turn

SHARES = st.builds(Share, st.sampled_from("abcd"), st.sampled_from(("interactive", "batch")))


@given(st.lists(SHARES, max_size=60))
def test_all_are_served_and_the_oldest_of_a_key_first(shares: list[Share]) -> None:
    queue = _filled(shares)
    assert len(queue) == len(shares)
    served = [queue.take() for _ in shares]
    assert queue.take() is None
    assert sorted(served) == list(range(len(shares)))  # type: ignore[type-var]
    for share in set(shares):
        own = [number for number in served if number is not None and shares[number] == share]
        assert own == sorted(own)


@given(st.lists(SHARES, min_size=1, max_size=60))
def test_no_key_is_served_twice_before_another_of_its_lane_that_waits(shares: list[Share]) -> None:
    queue = _filled(shares)
    left = Counter(shares)
    owed: dict[Priority, list[str]] = {"interactive": [], "batch": []}
    for _ in shares:
        number = queue.take()
        assert number is not None
        key, lane = shares[number]
        assert key not in owed[lane], f"{key} was served again before {owed[lane]}"
        left[shares[number]] -= 1
        waiting = {share.key for share, count in left.items() if count and share.priority == lane}
        owed[lane] = [each for each in (*owed[lane], key) if each in waiting]
        if set(owed[lane]) == waiting:
            owed[lane] = []


@given(st.integers(0, 50), st.integers(0, 200))
def test_the_batch_lane_gets_every_tenth_turn_and_whatever_is_left(batch: int, interactive: int) -> None:
    queue: FairQueue[tuple[str, int]] = FairQueue()
    for number in range(interactive):
        queue.add(Share("a"), ("interactive", number))
    for number in range(batch):
        queue.add(Share("a", "batch"), ("batch", number))
    served = [found[0] for _ in range(batch + interactive) if (found := queue.take())]
    assert len(served) == batch + interactive
    both = min(batch * BATCH_EVERY, interactive * BATCH_EVERY // (BATCH_EVERY - 1))
    for number, lane in enumerate(served[:both], start=1):
        assert (lane == "batch") == (number % BATCH_EVERY == 0)


@given(st.lists(SHARES, max_size=30), st.sets(st.integers(0, 29)))
def test_those_that_give_up_cost_nobody_a_turn(shares: list[Share], leaving: set[int]) -> None:
    queue = _filled(shares)
    leaving = {number for number in leaving if number < len(shares)}
    for number in leaving:
        assert queue.remove(shares[number], number)
        assert not queue.remove(shares[number], number)
    served = {queue.take() for _ in range(len(shares) - len(leaving))}
    assert served == set(range(len(shares))) - leaving
    assert len(queue) == 0


def _filled(shares: list[Share]) -> FairQueue[int]:
    queue: FairQueue[int] = FairQueue()
    for number, share in enumerate(shares):
        queue.add(share, number)
    return queue


@dataclass
class Manual(SystemClock):
    """Time passes only in `advance`, and wakes each sleeper at its moment."""

    at: float = 100.0
    sleepers: list[tuple[float, int, asyncio.Future[None]]] = field(default_factory=list)

    def boot(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        sleeper = asyncio.get_running_loop().create_future()
        heapq.heappush(self.sleepers, (self.at + seconds, id(sleeper), sleeper))
        await sleeper

    async def advance(self, seconds: float) -> None:
        until = self.at + seconds
        await settle()
        while self.sleepers and self.sleepers[0][0] <= until:
            self.at, _, sleeper = heapq.heappop(self.sleepers)
            if not sleeper.done():
                sleeper.set_result(None)
            await settle()
        self.at = until


async def settle() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


Action = (
    tuple[Literal["ask"], Share] | tuple[Literal["cancel", "use", "give back"], int] | tuple[Literal["advance"], float]
)
ACTIONS: st.SearchStrategy[Action] = st.one_of(
    st.tuples(st.just("ask"), SHARES),
    st.tuples(st.sampled_from(("cancel", "use", "give back")), st.integers(0, 40)),
    st.tuples(st.just("advance"), st.floats(0, 3, allow_nan=False)),
)
PER_MINUTE = 60.0


@given(st.lists(ACTIONS, max_size=40))
@settings(deadline=None, max_examples=60)
def test_the_rate_is_kept_and_no_turn_is_lost(actions: list[Action]) -> None:
    asyncio.run(_check_turns(actions))


async def _check_turns(actions: list[Action]) -> None:
    clock = Manual()
    limiter = SubmitRateLimiter(clock, per_minute=PER_MINUTE)
    served: list[Turn] = []
    tasks: list[asyncio.Task[None]] = []

    async def ask(share: Share) -> None:
        served.append(await limiter.acquire("veo", share))

    for action in actions:
        match action:
            case ("ask", share):
                tasks.append(asyncio.create_task(ask(share)))
                await settle()
            case ("cancel", number) if number < len(tasks):
                tasks[number].cancel()  # perhaps in the moment in which its turn came
            case ("use", number) if number < len(served):
                limiter.use(served[number])
            case ("give back", number) if number < len(served) and served[number].is_open:
                limiter.give_back(served.pop(number))
            case ("advance", seconds):
                await clock.advance(seconds)
    await settle()
    left = len(served) + sum(not task.done() for task in tasks)
    await clock.advance(left * 60 / PER_MINUTE)  # enough without the turns that were given back
    assert len(served) == left
    check_rate([turn.at for turn in served])


def check_rate(times: list[float]) -> None:
    """No stretch of time has more turns than the rate and one burst allow."""
    for first, began in enumerate(times):
        for last in range(first, len(times)):
            allowed = 1 + (BURST_S + times[last] - began) * PER_MINUTE / 60
            assert last - first + 1 <= allowed + 1e-6, f"{last - first + 1} turns in {times[last] - began} s"


async def test_the_turn_of_a_job_that_is_cancelled_in_that_moment_goes_to_the_next() -> None:
    clock = Manual()
    limiter = SubmitRateLimiter(clock, per_minute=60)
    for _ in range(6):
        assert not (await limiter.acquire("veo")).waited
    first, second = (asyncio.create_task(limiter.acquire("veo", Share(key))) for key in "ab")
    sleep = clock.sleep

    async def sleep_and_cancel(seconds: float) -> None:
        await sleep(seconds)
        asyncio.get_running_loop().call_soon(first.cancel)  # runs after the turn was handed out, before the job has it

    clock.sleep = sleep_and_cancel  # type: ignore[method-assign]
    await clock.advance(1.0)
    assert first.cancelled()
    await clock.advance(1.0)
    assert second.done()
    assert clock.at == 102.0


async def test_a_turn_that_is_given_back_goes_to_the_job_that_waits_at_once() -> None:
    clock = Manual()
    limiter = SubmitRateLimiter(clock, per_minute=1)
    turn = await limiter.acquire("veo")
    waiting = asyncio.create_task(limiter.acquire("veo"))
    await clock.advance(10.0)
    assert not waiting.done()
    limiter.give_back(turn)
    await settle()
    assert waiting.done()
    assert (await waiting).at == 110.0


async def test_a_turn_that_was_used_is_not_given_back() -> None:
    clock = Manual()
    limiter = SubmitRateLimiter(clock, per_minute=1)
    async with limiter.hold_turn("veo") as turn:
        limiter.use(turn)
    limiter.give_back(turn)
    waiting = asyncio.create_task(limiter.acquire("veo"))
    await clock.advance(54.0)
    assert not waiting.done()
    await clock.advance(1.0)
    assert waiting.done()


async def test_turns_that_are_given_back_late_add_nothing_to_the_burst() -> None:
    clock = Manual()
    limiter = SubmitRateLimiter(clock, per_minute=60)
    early = [await limiter.acquire("veo") for _ in range(3)]
    await clock.advance(100.0)
    used = [await limiter.acquire("veo")]
    for turn in early:
        limiter.give_back(turn)
    waiting = [asyncio.create_task(limiter.acquire("veo")) for _ in range(6)]
    await settle()
    assert len(used) + sum(task.done() for task in waiting) == 1 + BURST_S
    await clock.advance(1.0)
    assert all(task.done() for task in waiting)


async def test_the_pause_that_a_provider_asked_for_outlasts_turns_that_are_given_back() -> None:
    clock = Manual()
    limiter = SubmitRateLimiter(clock, per_minute=60)
    held = [await limiter.acquire("veo") for _ in range(3)]
    limiter.record_refusal("veo", 40.0)
    waiting = asyncio.create_task(limiter.acquire("veo"))
    for turn in held:
        limiter.give_back(turn)
    await clock.advance(39.9)
    assert not waiting.done()
    await clock.advance(0.1)
    assert waiting.done()


async def test_ten_of_one_key_are_not_behind_the_flood_of_another() -> None:
    clock = Manual()
    limiter = SubmitRateLimiter(clock, per_minute=60)
    order: list[str] = []

    async def ask(key: str) -> None:
        await limiter.acquire("veo", Share(key))
        order.append(key)

    flood = [asyncio.create_task(ask("flood")) for _ in range(2000)]
    await settle()
    begun = len(order)
    small = [asyncio.create_task(ask("small")) for _ in range(10)]
    await clock.advance(21.0)
    assert order[begun:].count("small") == 10
    assert order[begun : begun + 20].count("small") == 10
    for task in (*flood, *small):
        task.cancel()
    await asyncio.gather(*flood, *small, return_exceptions=True)
