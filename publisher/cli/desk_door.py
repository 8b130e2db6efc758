"""The stores themselves: what the settings name, opened by this process."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from publisher.cancel import cancel
from publisher.cli.configuration import configuration
from publisher.cli.door import Filters
from publisher.cli.news import News, news_of
from publisher.compose import open_desk
from publisher.desk import Desk
from publisher.listing import Listing, list_jobs
from publisher.status import status, view
from publisher.submit import submit
from schemas.errors import NotFound
from schemas.request import VideoRequest
from schemas.view import JobView

_LOOK_EVERY_S = 0.25
_LOOK_AT_MOST_EVERY_S = 2.0


class DeskDoor:
    """The use cases, called directly."""

    def __init__(self, desk: Desk, check: Callable[[], None] = lambda: None) -> None:
        """`check` raises where nobody works any more."""
        self._desk = desk
        self._check = check

    async def submit(self, request: VideoRequest) -> None:
        """Puts the request on the bus."""
        await submit(self._desk, request)

    async def follow(self, job_id: str) -> AsyncGenerator[News, None]:
        """Looks at the record, often at first and less often later."""
        pause_s = _LOOK_EVERY_S
        while True:
            news = news_of(await self.status(job_id))
            yield news
            if news.end:
                return
            self._check()
            await self._desk.clock.sleep(pause_s)
            pause_s = min(pause_s * 1.02, _LOOK_AT_MOST_EVERY_S)

    async def status(self, job_id: str) -> JobView:
        """From the record."""
        return await status(self._desk, job_id)

    async def list(self, filters: Filters) -> Listing:
        """From the records."""
        return await list_jobs(
            self._desk,
            state=filters.state,
            project_id=filters.project_id,
            cursor=filters.cursor,
            limit=filters.limit,
            jobs_of=filters.jobs_of,
        )

    async def cancel(self, job_id: str) -> JobView:
        """In the record, and by a message for the worker that has it."""
        return await view(self._desk, await cancel(self._desk, job_id))

    async def fetch(self, view: JobView, to: Path) -> None:
        """From the video store."""
        if view.gcs_path is None or view.erased_at:
            raise NotFound(f"job {view.video_id} has no video")
        await self._desk.videos.fetch(view.gcs_path, to)


@asynccontextmanager
async def desk_door() -> AsyncIterator[DeskDoor]:
    """Opened from the settings, closed at the end."""
    async with open_desk(configuration(), make=False) as desk:
        yield DeskDoor(desk)
