"""Changing a record that others change too."""

from typing import cast

import pytest

from schemas.domain import events as ev
from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.errors import Conflict, ImpossibleStep, NotFound
from schemas.ports import JobStore
from schemas.services.update import ATTEMPTS, update_job
from tests.unit.makers import a_job, after, played, started, wished


class Contested:
    """A store of one record where somebody else is faster, so and so many times."""

    def __init__(self, job: Job | None, *, conflicts: int = 0) -> None:
        self.job, self.conflicts, self.saves = job, conflicts, 0

    async def get(self, job_id: str) -> Job | None:
        return self.job if self.job and self.job.job_id == job_id else None

    async def save(self, job: Job) -> Job:
        self.saves += 1
        if self.saves <= self.conflicts:
            raise Conflict
        self.job = job
        return job


def port(store: Contested) -> JobStore:
    return cast("JobStore", store)


async def test_it_decides_again_until_it_is_the_one_who_writes() -> None:
    store = Contested(a_job(), conflicts=3)
    job = await update_job(port(store), "job-1", lambda _: wished())
    assert job.state is JobState.CANCELLED
    assert store.job is job
    assert store.saves == 4


async def test_it_gives_up_in_the_end() -> None:
    store = Contested(a_job(), conflicts=1000)
    with pytest.raises(Conflict, match="changed too often"):
        await update_job(port(store), "job-1", lambda _: wished())
    assert store.saves == ATTEMPTS


async def test_what_never_was_is_not_found() -> None:
    with pytest.raises(NotFound, match="no job other"):
        await update_job(port(Contested(a_job())), "other", lambda _: wished())


async def test_nothing_to_say_and_nothing_changed_write_nothing() -> None:
    store = Contested(a_job())
    assert await update_job(port(store), "job-1", lambda _: None) is store.job
    assert await update_job(port(store), "job-1", lambda _: ev.Announced(at=after(1))) is store.job
    assert store.saves == 0


async def test_an_impossible_step_writes_nothing() -> None:
    store = Contested(played(started()))
    with pytest.raises(ImpossibleStep):
        await update_job(port(store), "job-1", lambda _: ev.Expired(at=after(1)))
    assert store.saves == 0
