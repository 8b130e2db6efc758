"""A search looks at a bounded number of jobs for one page, and finds the same jobs whichever index it begins with."""

from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest

from infra.embedded import search
from infra.embedded.database import Database
from infra.embedded.jobs import SqliteJobs
from schemas.domain.clip import Clip
from schemas.domain.job import Job, new_job
from schemas.domain.search_terms import terms_for
from schemas.domain.states import JobState
from schemas.ports import JobQuery
from tests.contract.test_jobs import ids
from tests.unit.makers import AT, a_plan, a_request

COUNT = 60


def _job(number: int) -> Job:
    labels = {"team": ("a", "b", "c")[number % 3]}
    request = a_request(job_id=f"job-{number:03}", project_id=f"p{number % 2}", labels=labels)
    job = new_job(request, AT + timedelta(seconds=number // 2), caller=("acme", None)[number % 5 == 0])
    clip = Clip(index=0, planned=a_plan(model=("veo", "omni")[number % 7 < 4]).clips[0])
    state = JobState.FAILED if number % 11 == 0 else JobState.SUCCEEDED
    return job.model_copy(update={"clips": (clip,), "state": state})


@pytest.mark.parametrize(("few", "most"), [(-1, 10_000), (-1, 7), (1_000, 10_000)])
async def test_every_way_finds_the_same_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int, most: int
) -> None:
    monkeypatch.setattr(search, "_FEW", few)
    monkeypatch.setattr(search, "_SCANNED_AT_MOST", most)
    monkeypatch.setattr(search, "_SCANNED_AT_FIRST", 1)
    database = await Database.open(tmp_path / "test.db")
    jobs, stored = SqliteJobs(database), [_job(number) for number in range(COUNT)]
    for job in stored:
        await jobs.create(job)
    stored.sort(key=lambda job: (-job.created_at.timestamp(), job.job_id))
    states = (frozenset[JobState](), frozenset({JobState.FAILED}), frozenset(JobState))
    for state, word, model, caller in product(states, ("a", "p1", "none"), (None, "omni"), (None, "acme")):
        query = JobQuery(states=state, terms=terms_for(word), model=model, caller=caller, limit=3)
        expected = [
            job.job_id
            for job in stored
            if word in (job.request.labels["team"], job.request.project_id)
            and (not state or job.state in state)
            and model in (None, job.clips[0].planned.model)
            and caller in (None, job.caller)
        ]
        assert await ids(jobs, query) == expected, query
    await database.aclose()


async def test_one_page_looks_at_so_many_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "_SCANNED_AT_MOST", 20)
    monkeypatch.setattr(search, "_SCANNED_AT_FIRST", 1)
    database = await Database.open(tmp_path / "test.db")
    jobs = SqliteJobs(database)
    for number in range(COUNT):
        await jobs.create(_job(number))
    query = JobQuery(terms=terms_for("a"), project_id="none", limit=3)
    first = await jobs.list(query)
    assert (list(first.jobs), first.cursor is None) == ([], False), "a third of 60 jobs has the word"
    second = await jobs.list(JobQuery(terms=query.terms, project_id="none", limit=3, cursor=first.cursor))
    assert (list(second.jobs), second.cursor) == ([], None)
    await database.aclose()
