"""The sums of the metrics are those of the ledgers, after workers were killed and the model did what it can."""

import asyncio
import signal
import sys
from pathlib import Path

import httpx

from publisher.spend import spend
from schemas.domain.job import Job
from schemas.domain.states import ClipState, JobState
from tests.support.processes import ROOT
from tests.support.wire import MODEL, WireHouse, wire_house
from tests.telemetry.otlp import Collector, collecting
from tests.telemetry.test_jobs import OFTEN
from tests.vertex.script import Step

QUICK = {
    "REELBUS_SUBMIT_WITHIN_S": "1",
    "REELBUS_SUBMIT_TIMEOUT_S": "3",
    "REELBUS_SUBMITTING_HOLD_S": "5",
    "REELBUS_GENERATION_S": "2",
    "REELBUS_SEARCH_EVERY_S": "0.2",
    "REELBUS_RECONCILE_EVERY_S": "1",
}
SMALL = Step(shrink=8)
ENDINGS = [
    SMALL,
    Step(status=429, message="Quota exceeded."),
    Step(ending="filtered"),
    Step(ending="error"),
    Step(drop=True, accept=True, shrink=8),
    Step(drop=True),
    Step(ending="nothing"),
]
JOBS = 6
"""One submit is refused for now, and its job sends again."""


async def test_the_sums_are_those_of_the_ledgers_after_kills(tmp_path: Path) -> None:
    """A worker that is killed loses what it counted since its last export, so it is killed after one, until the end."""
    with collecting() as collector:
        async with wire_house(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **OFTEN, **QUICK) as house:
            house.vertex.studio.default = SMALL
            facade = await house.start("facade")
            await _endings(house, collector)
            await _kill_while_it_generates(house, collector)
            await _kill_while_its_answer_is_awaited(house, collector)
            await _cancel_at_the_facade(house, collector, facade.ready)
            jobs = await house.ended(JOBS + 3)
            await _exported(house, collector)
            assert [await part.stop() for part in house.parts if part.alive] == [0, 0]
            _compare(collector, jobs)
            await _decide_by_command(house, next(job.job_id for job in jobs if job.clips[0].is_in_doubt))
            await _compare_with_spend(house, collector)
            await _kill_at_any_moment(house, collector)


async def _endings(house: WireHouse, collector: Collector) -> None:
    house.vertex.then(*ENDINGS)
    await house.start("worker")
    for number in range(JOBS):
        await house.submit(f"ending-{number}", generate_audio=False)
    await house.ended(JOBS)
    await _exported(house, collector)


async def _kill_while_it_generates(house: WireHouse, collector: Collector) -> None:
    house.vertex.then(Step(held=True, shrink=8))
    await house.submit("killed-generating", generate_audio=False)
    before = collector.total("reelbus.clips", reelbus__clip__state="accepted")
    await house.until(lambda: collector.total("reelbus.clips", reelbus__clip__state="accepted") == before + 1)
    await _replace_the_worker(house)
    house.vertex.studio.released.set()
    await house.ended(JOBS + 1)
    await _exported(house, collector)


async def _kill_while_its_answer_is_awaited(house: WireHouse, collector: Collector) -> None:
    posts = house.vertex.books.posts
    house.vertex.studio.answers.clear()
    await house.submit("killed-submitting", generate_audio=False)
    await house.until(lambda: house.vertex.books.posts == posts + 1)
    await _exported(house, collector)
    await _replace_the_worker(house)
    house.vertex.studio.answers.set()
    await house.ended(JOBS + 2)


async def _cancel_at_the_facade(house: WireHouse, collector: Collector, url: str) -> None:
    """The facade ends the job: it counts the job and the clip that was paid."""
    before = collector.total("reelbus.clips", reelbus__clip__state="accepted")
    house.vertex.then(Step(ending="never"))
    await house.submit("cancelled", generate_audio=False)
    await house.until(lambda: collector.total("reelbus.clips", reelbus__clip__state="accepted") == before + 1)
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
        assert (await client.delete("/api/videos/cancelled")).json()["state"] == "cancelled"


async def _decide_by_command(house: WireHouse, job_id: str) -> None:
    """A process that ends by itself takes the doubt back."""
    command = [sys.executable, "-m", "publisher", "resolve", job_id, "--not-charged"]
    process = await asyncio.create_subprocess_exec(*command, env=house.environment, cwd=ROOT)
    assert await process.wait() == 0


async def _compare_with_spend(house: WireHouse, collector: Collector) -> None:
    [group] = (await spend(house.desk, by="model")).groups
    assert group.key == MODEL
    assert _left(collector, "yes", "discarded") == float(group.charged_usd)
    assert _left(collector, "unknown") == float(group.unknown_usd)
    assert collector.total("reelbus.spend.reversed", reelbus__charged="unknown") > 0


async def _kill_at_any_moment(house: WireHouse, collector: Collector) -> None:
    """What this worker did since its last export may be missing, and nothing is counted that was not stored."""
    before = _left(collector, "yes", "discarded")
    worker = await house.start("worker")
    await house.submit("killed-at-its-end", generate_audio=False)
    jobs = await house.ended(JOBS + 4)
    worker.signal(signal.SIGKILL)
    assert await worker.gone() == -signal.SIGKILL
    newest = next(job for job in jobs if job.job_id == "killed-at-its-end")
    ledger = float((await spend(house.desk)).total.charged_usd)
    assert newest.cost_usd > 0
    assert _left(collector, "yes", "discarded") in (before, ledger)
    assert round(ledger - before, 9) == float(newest.cost_usd)


def _left(collector: Collector, *charged: str) -> float:
    """What was counted and not taken back, over all processes."""
    totals = [collector.total("reelbus.spend", reelbus__charged=each) for each in charged]
    return round(sum(totals) - collector.total("reelbus.spend.reversed", reelbus__charged=charged[0]), 9)


async def _replace_the_worker(house: WireHouse) -> None:
    killed = house.parts[-1]
    killed.signal(signal.SIGKILL)
    assert await killed.gone() == -signal.SIGKILL
    await house.start("worker")


async def _exported(house: WireHouse, collector: Collector) -> None:
    ended = sum(job.ended for job in await house.jobs())
    await house.until(lambda: collector.total("reelbus.jobs") == ended)


def _compare(collector: Collector, jobs: list[Job]) -> None:
    clips = [job.clips[0] for job in jobs]
    price = float(clips[0].planned.price_usd)
    states = {state: sum(job.state is state for job in jobs) for state in JobState}
    assert collector.by("reelbus.jobs", "reelbus.job.state") == {str(it): n for it, n in states.items() if n}
    known = collector.total("reelbus.spend") - collector.total("reelbus.spend", reelbus__charged="unknown")
    assert round(known, 9) == round(float(sum(job.cost_usd for job in jobs)), 9) > 0
    assert collector.total("reelbus.video.billed") == sum(job.billed_seconds for job in jobs)
    in_doubt_now = sum(clip.unresolved_submits for clip in clips)
    found = [job.job_id for job in jobs if job.clips[0].state is ClipState.DONE and not job.clips[0].operation]
    assert "killed-submitting" in found
    assert len(found) == 2, "and the one whose connection broke"
    unknown = in_doubt_now + len(found)
    assert collector.total("reelbus.clips", reelbus__clip__state="unknown") == unknown
    assert collector.total("reelbus.spend", reelbus__charged="unknown") == round(price * unknown, 9)
    done = sum(clip.state is ClipState.DONE for clip in clips)
    assert collector.total("reelbus.clips", reelbus__clip__state="done") == done
