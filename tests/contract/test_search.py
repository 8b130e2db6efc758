"""What every job store finds by a word, a label or a model, and whose jobs it reads for it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from schemas.domain import events as ev
from schemas.domain.job import Job, new_job, record_of
from schemas.domain.search_terms import DOUBT, LATE, label_term, terms_for
from schemas.domain.state_machine import advance
from schemas.domain.states import JobState
from schemas.domain.tombstone import tombstone_of
from schemas.errors import Invalid
from schemas.ports import JobQuery, JobStore
from schemas.wire.caller_names import to_stored_id
from tests.contract.test_jobs import NOON, ids
from tests.unit.makers import a_plan, a_request


def a_job(job_id: str, *, minute: int = 0, caller: str | None = None, **fields: Any) -> Job:
    return new_job(a_request(job_id=job_id, **fields), NOON + timedelta(minutes=minute), caller=caller)


def sent(job: Job, *, model: str = "veo", at: datetime = NOON) -> Job:
    plan = a_plan(Decimal("0.40"), model=model)
    return advance(job, ev.SubmitStarted(at=at, plan=plan, owner="w", nonce="n"))


async def found(jobs: JobStore, word: str, **more: Any) -> Sequence[str]:
    return await ids(jobs, JobQuery(terms=terms_for(word), limit=2, **more))


async def test_a_word_is_an_id_a_label_a_project_or_a_model(jobs: JobStore) -> None:
    stored = to_stored_id("acme", "Order-42")
    await jobs.create(a_job("0b9f6a0e-4af1-4711", minute=1, project_id="Spring", model="veo-3"))
    await jobs.create(a_job(stored, minute=2, caller="acme", labels={"campaign": "spring"}))
    await jobs.create(a_job("plain", minute=3))
    for word, expected in {
        "0b9f6a0e-4af1-4711": ["0b9f6a0e-4af1-4711"],
        "0B9F6A0E": ["0b9f6a0e-4af1-4711"],
        "0b9f6a0": [],
        "order-42": [stored],
        stored: [stored],
        "spring": [stored, "0b9f6a0e-4af1-4711"],
        "campaign=spring": [stored],
        "campaign": [],
        "veo-3": ["0b9f6a0e-4af1-4711"],
        "plain": ["plain"],
        "p": [],
        "%": [],
        "'": [],
    }.items():
        assert await found(jobs, word) == expected, word


async def test_a_search_among_a_caller_s_jobs(jobs: JobStore) -> None:
    for minute in range(6):
        caller = ("acme", "zebra", None)[minute % 3]
        await jobs.create(a_job(f"j{minute}", minute=minute, caller=caller, project_id="same"))
    assert await found(jobs, "same") == ["j5", "j4", "j3", "j2", "j1", "j0"]
    assert await found(jobs, "same", caller="acme") == ["j3", "j0"]
    assert await found(jobs, "j1", caller="acme") == []
    page = await jobs.list(JobQuery(terms=terms_for("j1"), caller="acme"))
    assert page.cursor is None, "a cursor would tell of another caller's job"


async def test_all_conditions_hold_together(jobs: JobStore) -> None:
    for minute in range(12):
        job = a_job(f"j{minute:02}", minute=minute, project_id=("a", "b")[minute % 2], labels={"team": "x"})
        job = sent(job, model=("veo", "omni")[minute // 2 % 2])
        await jobs.create(job.model_copy(update={"state": JobState.FAILED}) if minute % 3 == 0 else job)
    failed = frozenset({JobState.FAILED})
    label = frozenset({label_term("team=x")})
    assert await ids(jobs, JobQuery(model="OMNI", limit=2)) == ["j11", "j10", "j07", "j06", "j03", "j02"]
    assert await ids(jobs, JobQuery(model="veo", states=failed, limit=1)) == ["j09", "j00"]
    assert await ids(jobs, JobQuery(terms=label, model="omni", project_id="b", limit=1)) == ["j11", "j07", "j03"]
    assert await ids(jobs, JobQuery(terms=label, model="omni", project_id="b", states=failed)) == ["j03"]
    assert await ids(jobs, JobQuery(terms=label, created_before=NOON + timedelta(minutes=2))) == ["j01", "j00"]


async def test_terms_follow_the_record(jobs: JobStore) -> None:
    job = await jobs.create(a_job("j1", labels={"team": "growth"}))
    assert await found(jobs, "veo") == []
    job = await jobs.save(sent(job))
    assert await found(jobs, "veo") == ["j1"]
    assert await ids(jobs, JobQuery(model="veo")) == ["j1"]
    await jobs.save(tombstone_of(job.model_copy(update={"state": JobState.FAILED}), NOON))
    assert await found(jobs, "growth") == []
    assert await found(jobs, "j1") == ["j1"]


async def test_marks_of_doubtful_and_late_clips(jobs: JobStore) -> None:
    doubtful = sent(a_job("doubt")).model_copy(update={"state": JobState.FAILED})
    clip = doubtful.clips[0]
    await jobs.create(a_job("clean", prompt='a prompt with "charged":"unknown" and "late":["x"] in it'))
    lost = clip.model_copy(update={"lost_prefixes": ("work/doubt/0/1/",)})
    await jobs.create(doubtful.model_copy(update={"clips": (lost,)}))
    late = clip.model_copy(update={"late": ("operation",)})
    await jobs.create(sent(a_job("late", minute=1)).model_copy(update={"clips": (late,)}))
    assert await ids(jobs, JobQuery(terms=frozenset({DOUBT}))) == ["doubt"]
    assert await ids(jobs, JobQuery(terms=frozenset({LATE}))) == ["late"]
    assert '"lost_prefixes":[' in record_of(doubtful.model_copy(update={"clips": (lost,)}))


async def test_jobs_written_since(jobs: JobStore) -> None:
    now = datetime.now(NOON.tzinfo)
    await jobs.create(new_job(a_request(job_id="new"), now))
    assert await ids(jobs, JobQuery(written_since=now - timedelta(minutes=5))) == ["new"]
    assert await ids(jobs, JobQuery(written_since=now + timedelta(days=50))) == []


async def test_jobs_that_may_have_cost_something(jobs: JobStore) -> None:
    for index, price in enumerate(("0", "0.05", "0.40")):
        plan = a_plan(Decimal(price), Decimal(0))
        event = ev.SubmitStarted(at=NOON, plan=plan, owner="w", nonce="n")
        await jobs.create(advance(a_job(f"j{index}", minute=index), event))
    await jobs.create(a_job("queued", prompt='a prompt with "price_usd":1.5, in it'))
    found = await ids(jobs, JobQuery(priced=True))
    assert [job_id for job_id in found if job_id in ("j1", "j2")] == ["j2", "j1"]
    assert set(found) in ({"j1", "j2"}, {"j0", "j1", "j2", "queued"}), "a store may list them all"


@pytest.mark.parametrize("bad", [{"fingerprint": "f"}, {"due_before": NOON}])
async def test_a_search_without_an_index_is_refused(jobs: JobStore, bad: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        await jobs.list(JobQuery(terms=terms_for("x"), **bad))
