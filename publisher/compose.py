"""The composition root: the only module of the publisher that opens adapters."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from infra.adapters import Adapters
from infra.clock import SystemClock
from infra.logs import configure_logs
from publisher.desk import Desk
from publisher.settings import PublisherSettings
from schemas.ports import DEAD_WORKERS, WORKERS


@asynccontextmanager
async def open_desk(settings: PublisherSettings) -> AsyncIterator[Desk]:
    """The ports that the settings name, closed at the end."""
    async with Adapters() as adapters:
        desk = Desk(
            bus=await adapters.bus(settings.bus_url),
            jobs=await adapters.jobs(settings.jobs_url),
            videos=await adapters.videos(settings.videos_url, base_url=settings.facade_url),
            clock=SystemClock(),
        )
        # A message that is published before its subscription exists is lost, and the first worker may start later.
        await desk.bus.ensure(WORKERS)
        await desk.bus.ensure(DEAD_WORKERS)
        yield desk


def open_logs(level: str) -> None:
    """Log lines go to standard error from here on."""
    configure_logs(level)
