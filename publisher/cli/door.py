"""The way to the jobs: a running facade (`http_door`) or the stores themselves (`desk_door`), with the same verbs."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from publisher.cli.news import News
from publisher.listing import Listing
from schemas.request import VideoRequest
from schemas.view import JobView


@dataclass(frozen=True, kw_only=True, slots=True)
class Filters:
    """Which jobs to list."""

    state: str | None
    project_id: str | None
    cursor: str | None
    limit: int
    jobs_of: str | None = None
    """Only jobs of this caller; an operator asks for that, in the stores."""


class Door(Protocol):
    """All verbs raise `Unavailable` where what is behind the door does not answer."""

    async def submit(self, request: VideoRequest) -> None:
        """The job exists after this, once, however often it is repeated. Raises `Invalid` and `Conflict`."""

    def follow(self, job_id: str) -> AsyncGenerator[News, None]:
        """Where the job stands, whenever that changes, until it ends. Raises `NotFound`."""

    async def status(self, job_id: str) -> JobView:
        """The job. Raises `NotFound`."""

    async def list(self, filters: Filters) -> Listing:
        """A page of jobs. Raises `Invalid`."""

    async def cancel(self, job_id: str) -> JobView:
        """The job after the wish to end it. Raises `NotFound`."""

    async def fetch(self, view: JobView, to: Path) -> None:
        """The finished video as a local file."""
