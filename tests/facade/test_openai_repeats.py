"""A client of `/v1/videos` that sends its call again by itself gets the job of that call, and no second one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.datastructures import Headers

from publisher.facade.openai_videos.repeats import attempt_of
from schemas.domain.job import Job
from schemas.errors import Unavailable
from schemas.ports import JobPage, JobQuery, JobStore
from tests.facade.customers import ACME, KEYS, ZEBRA, Customer
from tests.facade.doors import PROMPT, Door, door_over, door_to, settings_for
from tests.facade.faults import BlindJobs
from tests.facade.hand import Hand

VIDEOS = "/v1/videos"


async def made(door: Door | Customer, attempt: int = 0, **body: object) -> str:
    """The id that a call is answered with."""
    headers = {"x-stainless-retry-count": str(attempt)}
    ask = {"prompt": PROMPT, **body}
    if isinstance(door, Customer):
        answer = await door.call("POST", VIDEOS, json=ask, headers=headers)
    else:
        answer = await door.client.post(VIDEOS, json=ask, headers=headers)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


async def stored(door: Door) -> list[str]:
    return [job.job_id for job in (await door.desk.jobs.list(JobQuery())).jobs]


async def test_first_attempts_are_jobs_of_their_own(door: Door) -> None:
    ids = [await made(door) for _ in range(3)]
    ids += await asyncio.gather(*(made(door) for _ in range(5)))
    assert len(set(ids)) == len(await stored(door)) == 8


async def test_a_repeated_call_is_the_same_job(door: Door) -> None:
    first = await made(door)
    assert [await made(door, attempt) for attempt in (1, 2, 2, 3)] == [first] * 4
    assert await stored(door) == [first]


async def test_it_is_so_after_a_restart_and_in_another_facade(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path)) as door:
        first = await made(door)
    async with door_to(settings_for(tmp_path)) as door, door_to(settings_for(tmp_path)) as other:
        assert await made(door, 1) == await made(other, 2) == first


async def test_a_repeated_call_whose_first_attempt_was_lost_makes_one_job(door: Door) -> None:
    first = await made(door, 1)
    assert await made(door, 2) == first
    assert await stored(door) == [first]


async def test_repeated_calls_at_once_make_one_job(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path)) as door, door_to(settings_for(tmp_path)) as other:
        ids = await asyncio.gather(*(made(each, 1) for each in (door, other) * 4))
        assert {*ids} == {*(await stored(door))}
        assert len({*ids}) == 1


async def test_a_job_that_has_ended_is_still_the_same_job(door: Door, hand: Hand) -> None:
    first = await made(door)
    await hand.finish(first)
    assert (await door.client.get(f"{VIDEOS}/{first}")).json()["status"] == "completed"
    assert await made(door, 1) == first


async def test_each_of_two_calls_without_an_answer_finds_a_job(door: Door) -> None:
    first, second = await made(door), await made(door)
    again = [await made(door, 1), await made(door, 1)]
    assert {*again} == {first, second}
    assert {await made(door, 2), await made(door, 2)} == {first, second}
    assert len(await stored(door)) == 2


async def test_a_job_that_its_caller_knows_is_not_the_one_without_an_answer(door: Door) -> None:
    lost, known = await made(door), await made(door)
    assert (await door.client.get(f"{VIDEOS}/{known}")).status_code == 200
    assert await made(door, 1) == lost
    assert await made(door, 2) == lost


async def test_another_body_is_another_job(door: Door) -> None:
    first = await made(door, seconds="4")
    assert await made(door, 1, seconds="8") != first
    assert await made(door, 1, seconds=4, size="720x1280", model="sora-2") == first


async def test_another_caller_has_another_job(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, api_keys=KEYS)) as door:
        acme, zebra = Customer(door, ACME), Customer(door, ZEBRA)
        first = await made(acme)
        assert await made(zebra, 1) != first
        assert await made(acme, 1) == first


async def test_jobs_of_other_ways_in_are_no_jobs_of_this_one(door: Door) -> None:
    other = await door.queued(duration_seconds=4, aspect_ratio="9:16")
    first = await made(door, 1)
    assert first != other
    assert await door.queued(duration_seconds=4, aspect_ratio="9:16") not in (first, other)


async def test_a_deleted_job_is_no_answer(door: Door, hand: Hand) -> None:
    first = await made(door)
    await hand.finish(first)
    await _announced(door, first)
    assert (await door.client.delete(f"{VIDEOS}/{first}")).status_code == 200
    assert await made(door, 1) != first


async def _announced(door: Door, job_id: str) -> None:
    job = await door.desk.jobs.get(job_id)
    assert job is not None
    assert not job.completion_due


async def test_a_repeated_call_publishes_what_did_not_leave(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path)) as door:
        bus = door.desk.bus

        class Broken:
            def __getattr__(self, name: str) -> object:
                return getattr(bus, name)

            async def publish(self, *_: object) -> None:
                raise Unavailable("the bus is out of reach")

        async with door_over({**door.state, "ctx": replace(door.desk, bus=Broken())}) as broken:  # type: ignore[arg-type]
            answer = await broken.client.post(VIDEOS, json={"prompt": PROMPT})
            assert (answer.status_code, answer.headers["x-should-retry"]) == (503, "true")
        (first,) = await stored(door)
        assert await made(door, 1) == first
        job = await door.desk.jobs.get(first)
        assert job is not None
        assert job.next_check_at is not None
        assert job.next_check_at > door.desk.clock.now()  # it was published: no check is due


class SlowJobs(BlindJobs):
    """It holds one kind of call until it is let go."""

    def __init__(self, jobs: JobStore, held: str) -> None:
        super().__init__(jobs)
        self.blind = False
        self._held = held
        self.reached, self.go = asyncio.Event(), asyncio.Event()

    async def _hold(self, name: str) -> None:
        if name == self._held:
            self.reached.set()
            await self.go.wait()

    async def create(self, job: Job) -> Job:
        await self._hold("create")
        return await super().create(job)

    async def list(self, query: JobQuery) -> JobPage:
        await self._hold("list")
        return await super().list(query)


@asynccontextmanager
async def slow(door: Door, held: str) -> AsyncIterator[tuple[Door, SlowJobs]]:
    jobs = SlowJobs(door.desk.jobs, held)
    async with door_over({**door.state, "ctx": replace(door.desk, jobs=jobs)}) as first:
        yield first, jobs


@pytest.mark.parametrize("held", ["create", "list"])
async def test_a_first_attempt_that_comes_late_is_its_own_repetition(door: Door, held: str) -> None:
    async with slow(door, held) as (first, jobs):
        late = asyncio.create_task(made(first))
        await jobs.reached.wait()
        repeated = await made(door, 1)
        jobs.go.set()
        assert await late == repeated
        assert await stored(door) == [repeated]
        assert await made(door) != repeated, "a later call is another job"


@pytest.mark.parametrize("held", ["create", "list"])
async def test_a_first_attempt_that_comes_late_is_not_another_first_attempt(door: Door, held: str) -> None:
    async with slow(door, held) as (first, jobs):
        late = asyncio.create_task(made(first))
        await jobs.reached.wait()
        other = await made(door)
        jobs.go.set()
        assert await late != other
        assert len(await stored(door)) == 2


async def test_a_key_names_the_job(door: Door) -> None:
    key = {"Idempotency-Key": "order-1"}
    answers = [await door.client.post(VIDEOS, json={"prompt": PROMPT}, headers=key) for _ in range(2)]
    assert [answer.json()["id"] for answer in answers] == ["order-1"] * 2
    other = await door.client.post(VIDEOS, json={"prompt": PROMPT, "seconds": "8"}, headers=key)
    assert (other.status_code, other.json()["error"]["code"]) == (409, "id_reused")
    assert other.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    ("given", "attempt"), [("0", 0), ("1", 1), (" 2 ", 2), ("", 0), ("-1", 0), ("x", 0), ("²", 0), ("99999", 1000)]
)
def test_what_is_no_count_is_a_first_attempt(given: str, attempt: int) -> None:
    assert attempt_of(Headers({"x-stainless-retry-count": given})) == attempt
    assert attempt_of(Headers({})) == 0


async def asked_by_litellm(door: Door | Customer, **headers: str) -> str:
    """The id that a call of LiteLLM is answered with; nothing in it says whether it is sent again."""
    sent = {"User-Agent": "litellm/1.110.2", **headers}
    if isinstance(door, Customer):
        answer = await door.call("POST", VIDEOS, json={"prompt": PROMPT}, headers=sent)
    else:
        answer = await door.client.post(VIDEOS, json={"prompt": PROMPT}, headers=sent)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


async def test_litellm_gets_the_same_job_until_it_asks_for_it(door: Door) -> None:
    first = await asked_by_litellm(door)
    assert [await asked_by_litellm(door) for _ in range(2)] == [first] * 2
    assert (await door.client.get(f"{VIDEOS}/{first}")).status_code == 200
    second = await asked_by_litellm(door)
    assert second != first
    assert await asked_by_litellm(door) == second
    assert sorted(await stored(door)) == sorted([first, second])


async def test_calls_of_litellm_at_once_are_one_job(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path)) as door, door_to(settings_for(tmp_path)) as other:
        ids = await asyncio.gather(*(asked_by_litellm(each) for each in (door, other) * 3))
        assert await stored(door) == [*set(ids)]


@pytest.mark.parametrize("held", ["create", "list"])
async def test_a_call_of_litellm_that_comes_late_is_its_own_repetition(door: Door, held: str) -> None:
    async with slow(door, held) as (first, jobs):
        late = asyncio.create_task(asked_by_litellm(first))
        await jobs.reached.wait()
        repeated = await asked_by_litellm(door)
        await door.client.get(f"{VIDEOS}/{repeated}")
        jobs.go.set()
        assert await late == repeated
    assert await stored(door) == [repeated]


async def test_litellm_gets_a_job_of_its_own_for_each_key_and_caller(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, api_keys=KEYS)) as door:
        ids = [await asked_by_litellm(Customer(door, key)) for key in (ACME, ZEBRA)]
        ids += [await asked_by_litellm(Customer(door, ACME), **{"Idempotency-Key": name}) for name in ("a", "b")]
        assert len(await stored(door)) == len(set(ids)) == 4


async def test_litellm_that_counts_is_believed(door: Door) -> None:
    ids = [await asked_by_litellm(door, **{"x-stainless-retry-count": "0"}) for _ in range(2)]
    assert len(set(ids)) == len(await stored(door)) == 2
