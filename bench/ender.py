"""Ends many jobs at once: `python -m bench.ender COUNT NAME`. Records first; then every completion, back to back."""

import asyncio
import sys
from collections.abc import Awaitable, Callable

from bench.succeeded import succeeded
from publisher.compose import open_context
from publisher.context import PublisherContext
from publisher.settings import PublisherSettings
from schemas.domain.job import Job
from schemas.domain.projections import completion_of
from schemas.ports import COMPLETIONS
from schemas.wire.message import encode_completion

AT_ONCE = 200


async def end(count: int, name: str) -> None:
    """As a worker would, one write for each step left out: nobody looks at the steps."""
    async with open_context(PublisherSettings()) as desk:
        ended: list[Job] = []

        async def stored(number: int) -> None:
            job = await desk.jobs.get(f"{name}-{number}")
            assert job is not None
            ended.append(await desk.jobs.save(succeeded(job, desk.clock.now())))

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


async def _tell(desk: PublisherContext, job: Job) -> None:
    completion = completion_of(job, video_url=None)
    await desk.bus.publish(COMPLETIONS, encode_completion(completion, at=desk.clock.now(), traceparent=job.traceparent))


if __name__ == "__main__":
    asyncio.run(end(int(sys.argv[1]), sys.argv[2]))
