"""Asks for many videos as a publisher does: `python -m bench.publish --count 1000 --name round-1`."""

import argparse
import asyncio
import sys

from publisher.compose import open_context, open_logs
from publisher.settings import PublisherSettings
from publisher.submit import submit
from schemas.wire.request import VideoRequest

AT_ONCE = 20


async def publish(count: int, name: str) -> None:
    """`count` requests as their records and messages, `AT_ONCE` at a time."""
    numbers = iter(range(count))
    async with open_context(PublisherSettings()) as desk:

        async def some() -> None:
            for number in numbers:
                await submit(desk, VideoRequest(job_id=f"{name}-{number}", prompt=_PROMPT))

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))


_PROMPT = (
    "A wooden workbench in early light; a hand sets down a steaming cup, then a small brass lamp, and the camera "
    "glides past both to a window, where a tram passes in the rain and its reflection fills the glass"
)
"""As long as people write them."""


def main() -> None:
    """Publishes, then says so."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--name", required=True)
    asked = parser.parse_args()
    open_logs(PublisherSettings())
    asyncio.run(publish(asked.count, asked.name))
    sys.stdout.write("published\n")


if __name__ == "__main__":
    main()
