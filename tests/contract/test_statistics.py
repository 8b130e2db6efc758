"""What every store counts and adds up for an operator."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path

import pytest

import infra.embedded.statistics
import infra.gcp.firestore.statistics
from infra.adapters import Adapters
from publisher.spend import amounts_of
from schemas.domain.budget import Reserved
from schemas.domain.clip import Clip
from schemas.domain.evaluation import ANSWERED, EVALUATION, NO_ANSWER, REFUSED, EvaluationCall
from schemas.domain.job import Job
from schemas.domain.states import ClipState, JobState
from schemas.errors import Category, Charged, Failure
from schemas.ports import (
    WRITTEN_AFTER_CREATION,
    Bus,
    EvaluationLine,
    Heartbeats,
    JobStore,
    LedgerLine,
    Statistics,
    Subscription,
)
from schemas.wire.message import Message
from tests.contract.conftest import ADAPTERS
from tests.contract.test_jobs import NOON, a_job
from tests.gcp.emulated import Project
from tests.unit.makers import a_plan


@dataclass(frozen=True, kw_only=True)
class Backend:
    """Statistics, and what they are about."""

    statistics: Statistics
    jobs: JobStore
    heartbeats: Heartbeats
    bus: Bus | None
    """None if the messages are elsewhere."""


@pytest.fixture(params=ADAPTERS)
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    url = f"sqlite://{tmp_path}/jobs.db"
    if is_emulator := request.param == "emulator":
        project = request.getfixturevalue("project")
        assert isinstance(project, Project)
        url = project.jobs_url
    async with Adapters() as adapters:
        yield Backend(
            statistics=await adapters.statistics(url),
            jobs=await adapters.jobs(url),
            heartbeats=await adapters.heartbeats(url),
            bus=None if is_emulator else await adapters.bus(url),
        )


async def test_jobs_are_counted_by_state_to_a_limit(backend: Backend) -> None:
    for index in range(5):
        await backend.jobs.create(a_job(f"j{index}", state=JobState.FAILED if index == 0 else JobState.QUEUED))
    counts = [await backend.statistics.count(state, at_most=3) for state in (JobState.QUEUED, JobState.FAILED)]
    assert counts == [3, 1]
    assert await backend.statistics.count(JobState.STORING, at_most=3) == 0


async def test_the_oldest_come_first(backend: Backend) -> None:
    for index, minute in enumerate((3, 1, 2)):
        await backend.jobs.create(a_job(f"j{index}", minute=minute))
    await backend.jobs.create(a_job("ended", state=JobState.FAILED))
    oldest = await backend.statistics.oldest(JobState.QUEUED, limit=2)
    assert [job.job_id for job in oldest] == ["j1", "j2"]


async def test_what_workers_say_of_themselves(backend: Backend) -> None:
    assert await backend.statistics.beats() == []
    await backend.heartbeats.beat("first", '{"running": 1}')
    await backend.heartbeats.beat("second")
    await backend.heartbeats.beat("first", '{"running": 2}')
    beats = {beat.owner: beat for beat in await backend.statistics.beats()}
    assert (dict(beats["first"].report), dict(beats["second"].report)) == ({"running": 2}, {})
    assert all(beat.read_at - beat.at < timedelta(minutes=1) for beat in beats.values())


async def test_what_waits_on_the_bus(backend: Backend) -> None:
    own = Subscription(name="own", topic="topic")
    assert await backend.statistics.backlog("own") is None
    if backend.bus is None:
        return  # Pub/Sub holds the messages
    await backend.bus.ensure(own)
    for number in range(3):
        at = f"2026-01-31T12:00:0{number}.000Z"
        await backend.bus.publish("topic", Message(data=b"x", attributes={"ce-time": at}))
    found = await backend.statistics.backlog("own")
    assert found is not None
    assert found.oldest_at is not None
    assert (found.messages, found.oldest_at.second) == (3, 0)


PREFIX = "work/job/0/1/"
DOUBT = Failure(category=Category.UPSTREAM, code="lost", message="It is unknown.", charged=Charged.UNKNOWN)
CAUSES = (None, *(DOUBT.model_copy(update={"charged": charged}) for charged in Charged))
RESERVED = Reserved(scope="all", period="2026-01", slice=3, usd=Decimal("0.40"))


def every_entry() -> list[Clip]:
    """Entries that differ in each field that an amount depends on, also in combinations that no worker writes."""
    planned = a_plan().clips[0]
    differing = product(
        (Decimal("0.1"), Decimal(0)),
        ClipState,
        CAUSES,
        ((), ("operations/late",)),
        ((), (PREFIX,), (PREFIX, "work/job/0/2/")),
        ((), (RESERVED,)),
        (None, f"{PREFIX}clip.mp4"),
    )
    return [
        Clip(
            index=index,
            planned=planned.model_copy(update={"price_usd": price}),
            state=state,
            cause=cause,
            late=late,
            lost_prefixes=lost,
            reserved=reserved,
            output=output,
            submitting_at=NOON - timedelta(days=3),
        )
        for index, (price, state, cause, late, lost, reserved, output) in enumerate(differing)
    ]


def count_lines(lines: Iterable[LedgerLine]) -> Counter[tuple[object, ...]]:
    """How many entries have the same caller, project, day, model and amounts."""
    counted = Counter[tuple[object, ...]]()
    for line in lines:
        key = (line.caller, line.project_id, line.day, line.clip.planned.model, *dict(amounts_of(line.clip)).values())
        counted[key] += line.count
    return counted


async def read_all(statistics: Statistics, caller: str | None = None) -> list[LedgerLine]:
    page = await statistics.ledger(caller=caller)
    lines = list(page.lines)
    while page.cursor is not None:
        page = await statistics.ledger(caller=caller, cursor=page.cursor)
        lines += page.lines
    return lines


async def test_a_ledger_has_each_priced_entry_once(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (infra.embedded.statistics, infra.gcp.firestore.statistics):
        monkeypatch.setattr(module, "LEDGER_JOBS", 5)
    entries, jobs = every_entry(), list[Job]()
    entries[0] = entries[0].model_copy(update={"submitting_at": None})
    for number, start in enumerate(range(0, len(entries), 48)):
        job = a_job(
            f"j{number}", minute=number // 2, project_id=("p", None)[number % 2], caller=("c", None)[number % 3 > 0]
        )
        jobs.append(await backend.jobs.create(job.model_copy(update={"clips": tuple(entries[start : start + 48])})))
    for caller in (None, "c"):
        expected = [
            LedgerLine(
                caller=job.caller, project_id=job.request.project_id, day=job.submit_day(clip), clip=clip, count=1
            )
            for job in jobs
            for clip in job.clips
            if clip.planned.price_usd and caller in (None, job.caller)
        ]
        assert count_lines(await read_all(backend.statistics, caller)) == count_lines(expected)


async def test_a_ledger_leaves_out_what_was_written_before(backend: Backend) -> None:
    clips = tuple(every_entry()[1:3])
    long_ago = NOON - timedelta(days=400)
    await backend.jobs.create(a_job("new").model_copy(update={"clips": clips}))
    found = await backend.statistics.ledger(written_since=long_ago)
    assert sum(line.count for line in found.lines) == 2
    tomorrow = datetime.now(UTC) + WRITTEN_AFTER_CREATION + timedelta(days=1)
    assert (await backend.statistics.ledger(written_since=tomorrow)).lines == []


def a_call(usd: str | None, outcome: str | None, *, day: int = 0) -> EvaluationCall:
    price = None if usd is None else Decimal(usd)
    at = NOON + timedelta(days=day)
    return EvaluationCall(kind=EVALUATION, metric="gecko", at=at, outcome=outcome, price_usd=price)


async def test_a_ledger_has_each_evaluation_once(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (infra.embedded.statistics, infra.gcp.firestore.statistics):
        monkeypatch.setattr(module, "LEDGER_JOBS", 2)
    calls = (
        a_call("0.50", ANSWERED),
        a_call("0.5", NO_ANSWER),
        a_call("0.50", REFUSED),
        a_call(None, None),
        a_call(None, ANSWERED, day=1),
    )
    for number in range(4):
        job = a_job(f"j{number}", minute=number, caller=("c", None)[number % 2])
        await backend.jobs.create(job.model_copy(update={"evaluations": calls[: number + 2]}))
    await backend.jobs.create(a_job("unasked", minute=9))
    tomorrow = (NOON + timedelta(days=1)).date()
    half, free = (EvaluationLine(day=NOON.date(), cost_usd=usd) for usd in (Decimal("0.5"), Decimal(0)))
    unknown, later = (EvaluationLine(day=day, cost_usd=None) for day in (NOON.date(), tomorrow))
    for caller, expected in (
        (None, {half: 8, free: 3, unknown: 2, later: 1}),
        ("c", {half: 4, free: 1, unknown: 1}),
    ):
        page = await backend.statistics.ledger(caller=caller)
        found = page.calls
        while page.cursor is not None:
            page = await backend.statistics.ledger(caller=caller, cursor=page.cursor)
            found += page.calls
        assert (found, page.lines) == (expected, [])
