"""What is done to one job, or for one caller or one worker, however many other jobs there are."""

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bench.growth_places import Place
from bench.growth_seed import FAR
from infra.cursor import Position, encode_cursor
from infra.embedded.jobs import milliseconds
from schemas.domain import events as ev
from schemas.domain.clip import Plan, PlannedClip
from schemas.domain.job import Job, new_job
from schemas.domain.state_machine import advance
from schemas.domain.states import JobState
from schemas.ports import REQUESTS, WORKERS, JobQuery
from schemas.wire.message import Message
from schemas.wire.request import VideoRequest
from subscriber.reconcile import reconcile

PAGE = 50
DUE = 50
_PLAN = Plan(clips=(PlannedClip(model="veo-3.1-fast", seconds=6, billed_seconds=6, price_usd="0.6", expected_s=60),))


@dataclass(frozen=True, slots=True)
class Operation:
    """`measured` does it so many times and says how many seconds all of them took."""

    measured: Callable[[Place, int], Awaitable[float]]
    calls: int
    """In one round."""


def _plain(once: Callable[[Place], Awaitable[object]]) -> Callable[[Place, int], Awaitable[float]]:
    async def measured(place: Place, calls: int) -> float:
        begun = time.perf_counter()
        for _ in range(calls):
            await once(place)
        return time.perf_counter() - begun

    return measured


async def _status(place: Place) -> None:
    assert await place.jobs.get(random.choice(place.sample).job_id)


async def _status_of_the_last(place: Place) -> None:
    """Of the newest queued job: every other queued one is before it."""
    last = next(job for job in reversed(place.sample) if job.state is JobState.QUEUED)
    job = await place.jobs.get(last.job_id)
    assert job
    await place.jobs.ahead_of(job)


def _listing(**wanted: object) -> Callable[[Place, int], Awaitable[float]]:
    return _plain(lambda place: place.jobs.list(JobQuery(limit=PAGE, **wanted)))  # type: ignore[arg-type]


async def _deep_page(place: Place) -> None:
    """From the middle of all jobs on."""
    middle = place.sample[len(place.sample) // 2]
    cursor = encode_cursor(Position(order="c", at_ms=milliseconds(middle.created_at), job_id=middle.job_id))
    assert (await place.jobs.list(JobQuery(limit=PAGE, cursor=cursor))).jobs


async def _claim(place: Place) -> None:
    """The record is made, and a worker takes it: the two writes before a submit."""
    await _taken(place, await place.jobs.create(_fresh()))


async def _taken(place: Place, job: Job) -> None:
    started = ev.SubmitStarted(at=datetime.now(UTC), plan=_PLAN, owner="bench", nonce=secrets.token_hex(8))
    await place.jobs.save(advance(job, started).model_copy(update={"next_check_at": FAR}))


def _fresh(*, due: bool = False) -> Job:
    at = datetime.now(UTC) - timedelta(minutes=10)
    job_id = f"new-{secrets.token_hex(8)}"
    request = VideoRequest(job_id=job_id, prompt="Gulls over the breakwater", project_id="project-0001")
    job = new_job(request, at, caller="caller-0001")
    return job if due else job.model_copy(update={"next_check_at": FAR})


async def _nothing_due(place: Place) -> None:
    assert (await reconcile(place.ctx)).looked_at == 0


async def _some_due(place: Place, calls: int) -> float:
    """Passes over jobs that are made before each of them, and put away after it; neither is counted."""
    took_s = 0.0
    for _ in range(calls):
        made = await asyncio.gather(*(place.jobs.create(_fresh(due=True)) for _ in range(DUE)))
        begun = time.perf_counter()
        report = await reconcile(place.ctx)
        took_s += time.perf_counter() - begun
        assert report.republished == DUE, report
        await asyncio.gather(*(_put_away(place, job.job_id) for job in made))
    return took_s


async def _put_away(place: Place, job_id: str) -> None:
    job = await place.jobs.get(job_id)
    assert job
    await place.jobs.save(job.model_copy(update={"next_check_at": FAR}))


async def _through_the_bus(place: Place, calls: int) -> float:
    """One more behind all that wait, and the first of them delivered and acked: as many wait afterwards."""
    async with place.bus.subscribe(WORKERS, limit=1) as deliveries:
        begun = time.perf_counter()
        for _ in range(calls):
            await place.bus.publish(REQUESTS, Message(data=b"{}"))
            await (await anext(deliveries)).ack()
        return time.perf_counter() - begun


OF_THE_STORE = {
    "status": Operation(_plain(_status), 100),
    "status of the last in the queue": Operation(_plain(_status_of_the_last), 50),
    "list, first page": Operation(_listing(), 15),
    "list by state": Operation(_listing(states=frozenset({JobState.SUCCEEDED})), 15),
    "list by project": Operation(_listing(project_id="project-0007"), 15),
    "list by caller and a project of others": Operation(_listing(caller="caller-0001", project_id="project-0000"), 100),
    "list, a page deep in": Operation(_plain(_deep_page), 15),
    "claim": Operation(_plain(_claim), 30),
    "reconcile, nothing due": Operation(_plain(_nothing_due), 50),
    f"reconcile, {DUE} due": Operation(_some_due, 1),
}
"""By what the page calls them."""
OF_THE_BUS = {"publish, deliver and ack": Operation(_through_the_bus, 30)}
