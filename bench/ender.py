"""Ends many jobs at once: `python -m bench.ender COUNT NAME`. Records first; then every completion, back to back."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from publisher.compose import open_desk
from publisher.desk import Desk
from publisher.settings import PublisherSettings
from schemas import event as ev
from schemas.advance import advance
from schemas.ending import completion_of
from schemas.job import Job, Result
from schemas.message import encode_completion
from schemas.plan import Plan, PlannedClip
from schemas.ports import COMPLETIONS

AT_ONCE = 200


async def end(count: int, name: str) -> None:
    """As a worker would, one write for each step left out: nobody looks at the steps."""
    async with open_desk(PublisherSettings()) as desk:
        ended: list[Job] = []

        async def stored(number: int) -> None:
            job = await desk.jobs.get(f"{name}-{number}")
            assert job is not None
            ended.append(await desk.jobs.save(_made(job)))

        async def told(number: int) -> None:
            await _tell(desk, ended[number])

        await _all(stored, count)
        sys.stdout.write("stored\n")
        await _all(told, count)
    sys.stdout.write("told\n")


async def _all(do: Callable[[int], Awaitable[None]], count: int) -> None:
    numbers = iter(range(count))

    async def some() -> None:
        for number in numbers:
            await do(number)

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))


async def _tell(desk: Desk, job: Job) -> None:
    completion = completion_of(job, video_url=None)
    await desk.bus.publish(COMPLETIONS, encode_completion(completion, at=desk.clock.now(), traceparent=job.traceparent))


def _made(job: Job) -> Job:
    """The job after every step of one clip."""
    at = datetime.now(UTC)
    plan = Plan(clips=(PlannedClip(model="veo-3.1-fast", seconds=6, billed_seconds=6, price_usd="0.6", expected_s=60),))
    steps: list[ev.Step] = [
        ev.SubmitStarted(at=at, plan=plan, owner="bench", nonce="n"),
        ev.SubmitAccepted(at=at, nonce="n", operation=f"veo:operations/{job.job_id}"),
        ev.ClipDone(at=at, clip=0, output=f"work/{job.job_id}/0/1/clip.mp4"),
        ev.Stored(at=at + timedelta(seconds=1), result=_result(job)),
    ]
    for step in steps:
        job = advance(job, step)
    return job


def _result(job: Job) -> Result:
    name = f"video_20260131_120000_{job.job_id}"
    return Result(
        gcs_path=f"generated-videos/{name}.mp4",
        poster_path=f"posters/{name}.jpg",
        width=1280,
        height=720,
        duration_seconds=5,
        size_bytes=1_234_567,
    )


if __name__ == "__main__":
    asyncio.run(end(int(sys.argv[1]), sys.argv[2]))
