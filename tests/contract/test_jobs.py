"""What every job store promises."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.domain.job import Job, new_job
from schemas.domain.states import JobState
from schemas.errors import AlreadyExists, Conflict, Invalid
from schemas.ports import COUNTED_AHEAD, CREATED_TOGETHER, CREATED_TOGETHER_BYTES, JobQuery, JobStore
from schemas.wire.request import VideoRequest
from schemas.wire.types import Priority
from tests.contract.conftest import JobsBackend

NOON = datetime(2024, 1, 1, 12, 0, 0, 123_000, tzinfo=UTC)


def a_job(
    job_id: str,
    *,
    minute: int = 0,
    project_id: str | None = None,
    priority: Priority = "interactive",
    **update: Any,
) -> Job:
    request = VideoRequest(job_id=job_id, prompt="a slow pan over a desk", project_id=project_id, priority=priority)
    return new_job(request, NOON + timedelta(minutes=minute)).model_copy(update=update)


async def ids(jobs: JobStore, query: JobQuery) -> list[str]:
    return [job.job_id async for job in pages(jobs, query)]


async def pages(jobs: JobStore, query: JobQuery) -> AsyncIterator[Job]:
    """Every page of a listing."""
    cursor = query.cursor
    while True:
        page = await jobs.list(replace(query, cursor=cursor))
        for job in page.jobs:
            yield job
        cursor = page.cursor
        if cursor is None:
            return


async def test_keys_of_a_later_version_are_kept_through_every_write(jobs: JobStore) -> None:
    later = {"fps": 60, "scene": {"title": "A desk, seen slowly", "mood": None}}
    known = a_job("j1", project_id="p").model_dump(mode="json")
    job = Job.model_validate({**known, "chapters": [{"at": 1}], "request": {**known["request"], **later}})
    await jobs.create(job)
    found = await jobs.get("j1")
    assert found is not None
    await jobs.save(found.model_copy(update={"cancel_reason": "changed"}))
    (seen,) = (await jobs.list(JobQuery(project_id="p"))).jobs
    assert seen.model_dump() == job.model_dump() | {"cancel_reason": "changed"}
    assert seen.request.fingerprint() == job.request.fingerprint() != known["fingerprint"]


async def test_a_job_comes_back_as_it_was_stored(jobs: JobStore) -> None:
    job = a_job("j1", project_id="Ä-project", waiting_for="quota", traceparent="00-abc", caller="acme")
    created = await jobs.create(job)
    found = await jobs.get("j1")
    assert found is not None
    assert found.model_dump() == job.model_dump()
    assert found.revision == created.revision != ""
    assert found.stored_at == created.stored_at
    assert found.stored_at is not None
    assert found.read_at is not None
    assert found.stored_at <= found.read_at
    assert abs(found.read_at - datetime.now(UTC)) < timedelta(minutes=1)


async def test_an_unknown_job_is_none(jobs: JobStore) -> None:
    assert await jobs.get("never-was") is None


async def test_an_id_is_taken_once(jobs: JobStore) -> None:
    await jobs.create(a_job("j1"))
    with pytest.raises(AlreadyExists):
        await jobs.create(a_job("j1", minute=5))
    found = await jobs.get("j1")
    assert found is not None
    assert found.created_at == NOON


async def test_of_many_who_create_one_job_exactly_one_wins(jobs_backend: JobsBackend) -> None:
    stores = [await jobs_backend.open() for _ in range(3)]
    attempts = [stores[index % 3].create(a_job("contested", minute=index)) for index in range(60)]
    results = await asyncio.gather(*attempts, return_exceptions=True)
    winners = [result for result in results if isinstance(result, Job)]
    assert len(winners) == 1
    assert sum(isinstance(result, AlreadyExists) for result in results) == 59
    found = await stores[0].get("contested")
    assert found is not None
    assert found.created_at == winners[0].created_at


async def test_jobs_that_are_created_together(jobs: JobStore, unique: str) -> None:
    names = [f"{unique}-{number:03}" for number in range(1, CREATED_TOGETHER + 1)]
    words = "x" * (CREATED_TOGETHER_BYTES // CREATED_TOGETHER - 1000)
    created = await jobs.create_all([a_job(name, project_id=unique, cancel_reason=words) for name in names])
    assert [job.job_id for job in created] == names
    for job in (created[0], created[-1]):
        found = await jobs.get(job.job_id)
        assert found is not None
        assert (found.revision, found.stored_at) == (job.revision, job.stored_at)
        await jobs.save(found.model_copy(update={"cancel_reason": "changed"}))
    assert sorted(await ids(jobs, JobQuery(project_id=unique))) == names


async def test_jobs_are_created_together_or_not_at_all(jobs: JobStore, unique: str) -> None:
    first, taken, last = (f"{unique}-{number}" for number in range(3))
    await jobs.create(a_job(taken, cancel_reason="the first one"))
    with pytest.raises(AlreadyExists):
        await jobs.create_all([a_job(name) for name in (first, taken, last)])
    assert [await jobs.get(name) for name in (first, last)] == [None, None]
    found = await jobs.get(taken)
    assert found is not None
    assert found.cancel_reason == "the first one"


async def test_of_two_batches_with_the_same_ids_one_is_created(jobs_backend: JobsBackend, unique: str) -> None:
    stores = [await jobs_backend.open() for _ in range(2)]
    names = [f"{unique}-{number}" for number in range(20)]
    batches = [[a_job(name, cancel_reason=str(which)) for name in names] for which in range(2)]
    answers = await asyncio.gather(
        *(store.create_all(batch) for store, batch in zip(stores, batches, strict=True)), return_exceptions=True
    )
    assert sorted(isinstance(answer, AlreadyExists) for answer in answers) == [False, True]
    found = [await stores[0].get(name) for name in names]
    assert len({job.cancel_reason for job in found if job}) == 1
    assert all(found)


async def test_a_save_gives_a_new_revision(jobs: JobStore) -> None:
    first = await jobs.create(a_job("j1"))
    second = await jobs.save(first.model_copy(update={"waiting_for": "quota"}))
    assert second.revision != first.revision
    found = await jobs.get("j1")
    assert found is not None
    assert (found.revision, found.waiting_for) == (second.revision, "quota")
    assert second.stored_at is not None
    assert first.stored_at is not None
    assert second.stored_at >= first.stored_at


async def test_a_stale_save_is_a_conflict_and_changes_nothing(jobs: JobStore) -> None:
    first = await jobs.create(a_job("j1"))
    second = await jobs.save(first.model_copy(update={"waiting_for": "quota"}))
    with pytest.raises(Conflict):
        await jobs.save(first.model_copy(update={"waiting_for": "capacity"}))
    assert (await jobs.get("j1")) is not None
    assert (await jobs.save(second.model_copy(update={"checks": 1}))).waiting_for == "quota"


@pytest.mark.parametrize("revision", ["", "0", "-1", "nonsense", "99999999999999999999", "²"])
async def test_a_revision_that_never_was_is_a_conflict(jobs: JobStore, revision: str) -> None:
    job = await jobs.create(a_job("j1"))
    with pytest.raises(Conflict):
        await jobs.save(job.model_copy(update={"revision": revision}))


async def test_a_job_that_was_never_stored_can_not_be_saved(jobs: JobStore) -> None:
    with pytest.raises(Conflict):
        await jobs.save(a_job("j1"))


async def test_of_many_who_change_one_version_exactly_one_wins(jobs_backend: JobsBackend) -> None:
    stores = [await jobs_backend.open() for _ in range(3)]
    job = await stores[0].create(a_job("contested"))
    for round in range(5):
        changed = [job.model_copy(update={"checks": round * 100 + index}) for index in range(20)]
        saves = [stores[index % 3].save(each) for index, each in enumerate(changed)]
        results = await asyncio.gather(*saves, return_exceptions=True)
        (job,) = [result for result in results if isinstance(result, Job)]
        assert sum(isinstance(result, Conflict) for result in results) == 19
    found = await stores[1].get("contested")
    assert found is not None
    assert (found.checks, found.revision) == (job.checks, job.revision)


async def test_counting_by_compare_and_set_loses_no_step(jobs_backend: JobsBackend) -> None:
    stores = [await jobs_backend.open() for _ in range(2)]
    await stores[0].create(a_job("counter"))

    async def add_one(jobs: JobStore) -> None:
        while True:
            job = await jobs.get("counter")
            assert job is not None
            try:
                await jobs.save(job.model_copy(update={"checks": job.checks + 1}))
            except Conflict:
                continue
            return

    await asyncio.gather(*(add_one(stores[index % 2]) for index in range(20)))
    found = await stores[0].get("counter")
    assert found is not None
    assert found.checks == 20


async def test_a_listing_has_the_newest_first(jobs: JobStore) -> None:
    for job_id, minute in (("old", 1), ("new", 3), ("mid-b", 2), ("mid-a", 2)):
        await jobs.create(a_job(job_id, minute=minute))
    assert await ids(jobs, JobQuery()) == ["new", "mid-a", "mid-b", "old"]
    assert await ids(jobs, JobQuery(limit=1)) == ["new", "mid-a", "mid-b", "old"]


async def test_the_last_page_has_no_cursor(jobs: JobStore) -> None:
    assert (await jobs.list(JobQuery())).cursor is None
    for index in range(4):
        await jobs.create(a_job(f"j{index}", minute=index))
    assert (await jobs.list(JobQuery(limit=4))).cursor is None
    first = await jobs.list(JobQuery(limit=3))
    assert first.cursor is not None
    last = await jobs.list(JobQuery(limit=3, cursor=first.cursor))
    assert ([job.job_id for job in last.jobs], last.cursor) == (["j0"], None)


async def test_conditions_hold_at_once(jobs: JobStore) -> None:
    states = [JobState.QUEUED, JobState.GENERATING, JobState.SUCCEEDED, JobState.FAILED]
    for index in range(16):
        project_id = "one" if index % 8 < 4 else "two"
        await jobs.create(a_job(f"j{index:02}", minute=index, project_id=project_id, state=states[index % 4]))
    ended = frozenset({JobState.SUCCEEDED, JobState.FAILED})
    before = NOON + timedelta(minutes=10)
    assert await ids(jobs, JobQuery(states=ended, limit=3)) == [
        "j15", "j14", "j11", "j10", "j07", "j06", "j03", "j02",
    ]  # fmt: skip
    assert await ids(jobs, JobQuery(states=ended, project_id="one", limit=3)) == ["j11", "j10", "j03", "j02"]
    assert await ids(jobs, JobQuery(states=ended, project_id="one", created_before=before)) == ["j03", "j02"]
    assert await ids(jobs, JobQuery(project_id="two", limit=5)) == [
        "j15", "j14", "j13", "j12", "j07", "j06", "j05", "j04",
    ]  # fmt: skip
    assert await ids(jobs, JobQuery(states=frozenset({JobState.CANCELLED}))) == []
    assert await ids(jobs, JobQuery(project_id="three")) == []


async def test_listing_follows_changes_of_state(jobs: JobStore) -> None:
    job = await jobs.create(a_job("j1"))
    await jobs.save(job.model_copy(update={"state": JobState.SUCCEEDED, "next_check_at": None}))
    assert await ids(jobs, JobQuery(states=frozenset({JobState.QUEUED}))) == []
    assert await ids(jobs, JobQuery(states=frozenset({JobState.SUCCEEDED}))) == ["j1"]
    assert await ids(jobs, JobQuery(due_before=NOON + timedelta(days=1))) == []


async def test_listing_by_fingerprint(jobs: JobStore) -> None:
    same = [await jobs.create(a_job(f"same-{index}", minute=index)) for index in range(3)]
    other = VideoRequest(job_id="other", prompt="something else entirely")
    await jobs.create(new_job(other, NOON))
    assert await ids(jobs, JobQuery(fingerprint=same[0].fingerprint)) == ["same-2", "same-1", "same-0"]


async def test_listing_by_caller_shows_nobody_elses(jobs: JobStore) -> None:
    for minute, caller in enumerate(("acme", "acme", "Ä@example.com", None, "acme")):
        project_id = "one" if minute == 1 else None
        await jobs.create(a_job(f"j{minute}", minute=minute, caller=caller, project_id=project_id))
    assert await ids(jobs, JobQuery(caller="acme", limit=2)) == ["j4", "j1", "j0"]
    assert await ids(jobs, JobQuery(caller="acme", project_id="one")) == ["j1"]
    assert await ids(jobs, JobQuery(caller="acme", states=frozenset({JobState.FAILED}))) == []
    assert await ids(jobs, JobQuery(caller="Ä@example.com", states=frozenset(JobState))) == ["j2"]
    assert await ids(jobs, JobQuery(caller="acm")) == []
    assert len(await ids(jobs, JobQuery())) == 5


async def test_listing_by_due_has_the_longest_due_first(jobs: JobStore) -> None:
    for index, minute in enumerate((30, 10, 20, 10, 40)):
        state = JobState.STORING if index == 2 else JobState.QUEUED
        due = NOON + timedelta(minutes=minute)
        await jobs.create(a_job(f"j{index}", minute=index, next_check_at=due, state=state))
    await jobs.create(a_job("never", next_check_at=None))
    due_before = NOON + timedelta(minutes=40)
    assert await ids(jobs, JobQuery(due_before=due_before)) == ["j1", "j3", "j2", "j0"]
    assert await ids(jobs, JobQuery(due_before=due_before, limit=1)) == ["j1", "j3", "j2", "j0"]
    queued = frozenset({JobState.QUEUED})
    assert await ids(jobs, JobQuery(due_before=due_before, states=queued, limit=2)) == ["j1", "j3", "j0"]


async def test_a_listing_stays_whole_while_jobs_come_and_change(jobs: JobStore) -> None:
    wanted = [f"j{index:03}" for index in range(40)]
    for index, job_id in enumerate(wanted):
        await jobs.create(a_job(job_id, minute=index // 4))  # several at the same moment
    seen = []
    async for job in pages(jobs, JobQuery(limit=3)):
        seen.append(job.job_id)
        await jobs.create(a_job(f"new-{len(seen)}", minute=100 + len(seen)))
        if job.job_id in wanted:
            await jobs.save(job.model_copy(update={"checks": 1}))
    assert sorted(set(seen) & set(wanted)) == wanted
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize("cursor", ["", "x", "!!!", "Ä", "bnVsbA", "W10", "W10=", "WyJjIiwxXQ", "a" * 5000, "Y" * 43])
async def test_a_cursor_that_is_none_is_refused(jobs: JobStore, cursor: str) -> None:
    with pytest.raises(Invalid) as caught:
        await jobs.list(JobQuery(cursor=cursor))
    assert caught.value.field == "cursor"


async def test_a_cursor_of_another_order_is_refused(jobs: JobStore) -> None:
    for index in range(3):
        await jobs.create(a_job(f"j{index}", minute=index))
    by_age = await jobs.list(JobQuery(limit=1))
    with pytest.raises(Invalid) as caught:
        await jobs.list(JobQuery(limit=1, due_before=NOON + timedelta(days=1), cursor=by_age.cursor))
    assert caught.value.field == "cursor"


async def test_how_many_are_ahead(jobs: JobStore) -> None:
    stored = [await jobs.create(a_job(f"j{index}", minute=index // 2)) for index in range(6)]
    await jobs.save(stored[0].model_copy(update={"state": JobState.GENERATING}))
    counts = [await jobs.ahead_of(job) for job in stored[1:]]
    assert counts in ([0, 1, 2, 3, 4], [None] * 5)  # a store that can't tell cheaply says so


_QUEUED: tuple[dict[str, Any], ...] = (
    {"caller": "acme", "project_id": "p"},
    {"caller": "acme", "project_id": "q"},
    {"caller": "acme", "priority": "batch"},
    {"caller": "other", "project_id": "p"},
    {"project_id": "p"},
    {"project_id": "p", "priority": "batch"},
    {},
)


@pytest.mark.parametrize(
    ("last", "ahead"),
    [
        ({"caller": "acme", "project_id": "p"}, 2),
        ({"caller": "acme", "priority": "batch"}, 1),
        ({"project_id": "p"}, 1),
        ({"project_id": "p", "priority": "batch"}, 1),
        ({}, 1),
        ({"project_id": "q"}, 0),
    ],
)
async def test_jobs_of_other_lanes_and_keys_are_not_ahead(jobs: JobStore, last: dict[str, Any], ahead: int) -> None:
    for number, fields in enumerate(_QUEUED):
        await jobs.create(a_job(f"j{number}", minute=number, **fields))
    job = await jobs.create(a_job("last", minute=30, **last))
    assert await jobs.ahead_of(job) in (ahead, None)


async def test_the_queued_jobs_of_a_key_are_counted_in_both_lanes(jobs: JobStore) -> None:
    for number, fields in enumerate(_QUEUED):
        await jobs.create(a_job(f"j{number}", minute=number, **fields))
    ended = await jobs.create(a_job("ended", caller="acme"))
    await jobs.save(ended.model_copy(update={"state": JobState.CANCELLED}))
    counts = [await jobs.count_queued(key, at_most=10) for key in ("acme", "other", "p", "q", "")]
    assert counts == [3, 1, 2, 0, 1]
    assert await jobs.count_queued("acme", at_most=2) == 2


async def test_a_long_queue_is_not_counted_to_its_end(jobs: JobStore) -> None:
    stored = [a_job(f"j{index:04}", minute=index) for index in range(COUNTED_AHEAD + 1)]
    for first in range(0, len(stored), 50):
        await asyncio.gather(*map(jobs.create, stored[first : first + 50]))
    assert [await jobs.ahead_of(job) for job in stored[-2:]] in ([COUNTED_AHEAD - 1, None], [None, None])
