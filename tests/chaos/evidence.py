"""Gathers the facts of a run: listens to the completions, asks the store, the files and the model's own books."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from infra.media.probe import probe
from publisher.context import PublisherContext
from schemas.domain.job import Job
from schemas.domain.object_names import FINALS, POSTERS, WORK
from schemas.errors import Unavailable
from schemas.ports import COMPLETIONS, JobQuery, Subscription
from schemas.wire.message import decode_completion
from tests.chaos.facts import Facts, Paid, Told
from tests.chaos.house import House
from tests.chaos.journal import Journal
from tests.chaos.plan import Plan

LISTENER = Subscription(name="chaos-audit", topic=COMPLETIONS)
_A_DAY_AGO_S = 25 * 3600
_AT_ONCE = 8
_LOOK_EVERY_S = 1.0


@asynccontextmanager
async def listening(desk: PublisherContext, journal: Journal) -> AsyncIterator[None]:
    """Hears every completion meanwhile."""
    await desk.bus.ensure(LISTENER)
    hearing = asyncio.create_task(_hear_for_ever(desk, journal))
    try:
        yield
    finally:
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)


async def _hear_for_ever(desk: PublisherContext, journal: Journal) -> None:
    while True:
        try:
            async with desk.bus.subscribe(LISTENER, limit=100) as deliveries:
                async for delivery in deliveries:
                    end = decode_completion(delivery.message)
                    event_id = delivery.message.attributes["ce-id"]
                    journal.told.append(
                        Told(event_id=event_id, job_id=end.job_id or "", life=end.life, state=end.state)
                    )
                    await delivery.ack()
        except Unavailable:
            await asyncio.sleep(0.2)


async def all_jobs(desk: PublisherContext) -> dict[str, Job]:
    """Every record."""
    jobs: dict[str, Job] = {}
    cursor: str | None = None
    while True:
        page = await desk.jobs.list(JobQuery(limit=200, cursor=cursor))
        jobs.update((job.job_id, job) for job in page.jobs)
        cursor = page.cursor
        if cursor is None:
            return jobs


async def until_settled(desk: PublisherContext, plan: Plan, journal: Journal) -> None:
    """Until every order has ended, and somebody heard of each."""
    while True:
        if await _is_settled(desk, plan, journal):
            return
        await asyncio.sleep(_LOOK_EVERY_S)


async def _is_settled(desk: PublisherContext, plan: Plan, journal: Journal) -> bool:
    try:
        jobs = await all_jobs(desk)
    except Unavailable:
        return False
    told = {told.job_id for told in journal.told}
    wanted = {order.request.job_id for order in plan.orders}
    return wanted <= jobs.keys() & told and all(job.ended for job in jobs.values())


async def gather(house: House, desk: PublisherContext, plan: Plan) -> Facts:
    """The facts, once nothing runs any more but the stores and the model."""
    journal = house.journal
    work = await desk.videos.list(WORK)
    return Facts(
        orders=plan.orders,
        jobs=await all_jobs(desk),
        paid=await _paid(house),
        told=tuple(journal.told),
        answers=tuple(journal.answers),
        finals=await _finals(desk),
        posters=frozenset(file.name for file in await desk.videos.list(POSTERS)),
        work=frozenset(file.name for file in work),
        leftovers=await _leftovers(house),
        crashes=tuple(journal.crashes),
        complaints=tuple(journal.complaints),
        done=journal.done,
        seen=journal.actions,
    )


async def _paid(house: House) -> tuple[Paid, ...]:
    async with httpx.AsyncClient(timeout=60) as http:
        books = await http.get(f"{house.model_url}/_paid")
    return tuple(Paid(**each) for each in books.json())


async def _finals(desk: PublisherContext) -> dict[str, float]:
    names = [file.name for file in await desk.videos.list(FINALS)]
    turns = asyncio.Semaphore(_AT_ONCE)

    async def seconds(name: str, to: Path) -> float:
        async with turns:
            await desk.videos.fetch(name, to)
            return (await asyncio.to_thread(probe, to)).duration_seconds

    with TemporaryDirectory(prefix="chaos-") as folder:
        lasts = await asyncio.gather(*(seconds(name, Path(folder, name.rpartition("/")[2])) for name in names))
    return dict(zip(names, lasts, strict=True))


async def _leftovers(house: House) -> tuple[str, ...]:
    """Half-made files of killed processes lie there for a day, until something starts. Here it is that day."""
    data = house.folder / "data"
    for folder in (data / "scratch", data / "videos" / ".incoming"):
        for path in (folder, *folder.rglob("*")) if folder.exists() else ():
            os.utime(path, (time.time() - _A_DAY_AGO_S,) * 2)
    command = [sys.executable, "-m", "subscriber", "reconcile"]
    sweeping = await asyncio.create_subprocess_exec(
        *command, env=dict(house.environment), cwd=house.folder, stdout=asyncio.subprocess.DEVNULL
    )
    if await sweeping.wait():
        house.journal.crashes.append("the pass of reconcile after the run failed")
    left = [*(data / "scratch").rglob("*"), *(data / "videos" / ".incoming").rglob("*")]
    return tuple(str(path.relative_to(data)) for path in left if path.is_file())
