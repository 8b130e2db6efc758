"""Opens the adapters that the settings' URLs name, and closes them in the right order.

Adapters are imported only when a URL asks for them: the embedded default loads nothing of Google's.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit

from infra.gcp.settings import VertexSettings, bucket_settings, database_in, project_in
from schemas.errors import Invalid, Unavailable
from schemas.ports import Budgets, Bus, Editor, Heartbeats, JobStore, VideoModel, VideoStore

if TYPE_CHECKING:
    from infra.embedded.database import Database


log = logging.getLogger(__name__)

CHECK_S = 20
"""A service that does not answer holds up no start for longer."""


class Adapters:
    """What one process has open. Use as a context manager; leaving it closes everything, the last opened first."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._databases: dict[Path, Database] = {}

    async def __aenter__(self) -> "Adapters":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    async def bus(self, url: str, *, ack_deadline_s: float = 15.0) -> Bus:
        """Raises `Invalid` for a URL that names none, `Unavailable` where it can't be opened."""
        opener: Callable[..., Awaitable[Bus]] = _opener("bus", url)
        return await opener(self, urlsplit(url), ack_deadline_s=ack_deadline_s)

    async def jobs(self, url: str) -> JobStore:
        """Raises `Invalid` for a URL that names none, `Unavailable` where it can't be opened."""
        opener: Callable[..., Awaitable[JobStore]] = _opener("jobs", url)
        return await opener(self, urlsplit(url))

    async def budgets(self, jobs_url: str) -> Budgets:
        """They lie beside the jobs. Raises as `jobs` does."""
        opener: Callable[..., Awaitable[Budgets]] = _opener("budgets", jobs_url)
        return await opener(self, urlsplit(jobs_url))

    async def heartbeats(self, jobs_url: str) -> Heartbeats:
        """They are beside the jobs. Raises as `jobs` does."""
        opener: Callable[..., Awaitable[Heartbeats]] = _opener("heartbeats", jobs_url)
        return await opener(self, urlsplit(jobs_url))

    async def videos(self, url: str, *, base_url: str, reference_buckets: str = "", check: bool = False) -> VideoStore:
        """Raises `Invalid` for a URL that names none, `Unavailable` where it can't be opened.

        With `check` it also tries what would else fail after a video was paid. A service that is out of reach just now
        is no mistake in the settings: that is only logged.
        """
        opener: Callable[..., Awaitable[VideoStore]] = _opener("videos", url)
        videos = await opener(self, urlsplit(url), base_url=base_url, reference_buckets=reference_buckets)
        check_videos: Callable[[], Awaitable[None]] | None = getattr(videos, "check", None)
        if check and check_videos:
            try:
                async with asyncio.timeout(CHECK_S):
                    await check_videos()
            except (Unavailable, TimeoutError) as error:
                log.warning("can't check the video store", extra={"action": "videos_unchecked", "reason": str(error)})
        return videos

    async def model(
        self, url: str, *, videos: VideoStore, scratch: Path, renderers: int, vertex: VertexSettings | None = None
    ) -> VideoModel:
        """Raises `Invalid` for a URL that names none. `scratch` is an existing folder for half-made files."""
        opener: Callable[..., Awaitable[VideoModel]] = _opener("model", url)
        if urlsplit(url).scheme == "vertex":
            return await opener(self, urlsplit(url), videos=videos, settings=vertex or VertexSettings())
        return await opener(self, urlsplit(url), videos=videos, scratch=scratch, renderers=renderers)

    async def editor(self) -> Editor:
        """The one that cuts and joins files on this machine."""
        from infra.media.editor import FileEditor

        return FileEditor()

    async def database(self, path: Path) -> "Database":
        """The one connection of this process to a file, which bus and job store share."""
        from infra.embedded.database import Database

        if path not in self._databases:
            database = await Database.open(path)
            self._stack.push_async_callback(database.close)
            self._databases[path] = database
        return self._databases[path]

    def closing(self, close: Callable[[], Awaitable[object]]) -> None:
        """Have it called at the end."""
        self._stack.push_async_callback(close)


@contextmanager
def google_installed() -> Iterator[None]:
    """Raises `Invalid` where Google's client libraries are imported and not there."""
    try:
        yield
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("google"):
            raise
        words = "Google's client libraries are not installed: run scripts/bootstrap gcp, or see docs/google-cloud.md"
        raise Invalid(words) from error


async def _sqlite_bus(adapters: Adapters, url: SplitResult, *, ack_deadline_s: float) -> Bus:
    from infra.embedded.bus import SqliteBus

    bus = SqliteBus(await adapters.database(_local_path("bus", url)), ack_deadline_s=ack_deadline_s)
    adapters.closing(bus.close)
    return bus


async def _sqlite_jobs(adapters: Adapters, url: SplitResult) -> JobStore:
    from infra.embedded.jobs import SqliteJobs

    return SqliteJobs(await adapters.database(_local_path("jobs", url)))


async def _sqlite_budgets(adapters: Adapters, url: SplitResult) -> Budgets:
    from infra.embedded.budgets import SqliteBudgets

    return SqliteBudgets(await adapters.database(_local_path("jobs", url)))


async def _sqlite_heartbeats(adapters: Adapters, url: SplitResult) -> Heartbeats:
    from infra.embedded.jobs import SqliteHeartbeats

    return SqliteHeartbeats(await adapters.database(_local_path("jobs", url)))


async def _folder_videos(adapters: Adapters, url: SplitResult, *, base_url: str, reference_buckets: str) -> VideoStore:
    from infra.embedded.videos import FolderVideos

    del reference_buckets  # the local renderer reads no bucket
    return await FolderVideos.open(_local_path("videos", url), base_url)


async def _animatic(
    adapters: Adapters, url: SplitResult, *, videos: VideoStore, scratch: Path, renderers: int
) -> VideoModel:
    from infra.animatic.model import Animatic
    from infra.animatic.pool import RenderPool

    studio = RenderPool(renderers)
    studio.warm()
    animatic = Animatic(videos, studio, scratch)
    adapters.closing(animatic.aclose)
    return animatic


async def _vertex(adapters: Adapters, url: SplitResult, *, videos: VideoStore, settings: VertexSettings) -> VideoModel:
    from infra.gcp.vertex.adapter import open_vertex

    vertex = open_vertex(url, settings, videos)
    adapters.closing(vertex.aclose)
    return vertex


async def _pubsub_bus(adapters: Adapters, url: SplitResult, *, ack_deadline_s: float) -> Bus:
    project = project_in(url)
    with google_installed():
        from infra.gcp.pubsub.bus import PubSubBus
    bus = PubSubBus(project, ack_deadline_s=ack_deadline_s)
    adapters.closing(bus.close)
    return bus


async def _firestore_jobs(adapters: Adapters, url: SplitResult) -> JobStore:
    project, database = database_in(url)
    with google_installed():
        from infra.gcp.firestore.jobs import FirestoreJobs
    jobs = FirestoreJobs(project, database)
    adapters.closing(jobs.close)
    return jobs


async def _firestore_budgets(adapters: Adapters, url: SplitResult) -> Budgets:
    project, database = database_in(url)
    with google_installed():
        from infra.gcp.firestore.budgets import FirestoreBudgets
        from infra.gcp.firestore.jobs import FirestoreJobs
    jobs = FirestoreJobs(project, database)
    adapters.closing(jobs.close)
    return FirestoreBudgets(jobs)


async def _firestore_heartbeats(adapters: Adapters, url: SplitResult) -> Heartbeats:
    project, database = database_in(url)
    with google_installed():
        from infra.gcp.firestore.jobs import FirestoreHeartbeats, FirestoreJobs
    jobs = FirestoreJobs(project, database)
    adapters.closing(jobs.close)
    return FirestoreHeartbeats(jobs)


async def _bucket_videos(adapters: Adapters, url: SplitResult, *, base_url: str, reference_buckets: str) -> VideoStore:
    del base_url  # viewers get the files from Google
    settings = bucket_settings(url, reference_buckets=reference_buckets)
    with google_installed():
        from infra.gcp.storage import GcsVideos
    videos = GcsVideos(settings)
    adapters.closing(videos.close)
    return videos


_OPENERS: Mapping[str, Mapping[str, Callable[..., Awaitable[Any]] | None]] = {
    "bus": {"sqlite": _sqlite_bus, "pubsub": _pubsub_bus},
    "jobs": {"sqlite": _sqlite_jobs, "firestore": _firestore_jobs},
    "budgets": {"sqlite": _sqlite_budgets, "firestore": _firestore_budgets},
    "heartbeats": {"sqlite": _sqlite_heartbeats, "firestore": _firestore_heartbeats},
    "videos": {"file": _folder_videos, "gs": _bucket_videos},
    "model": {"animatic": _animatic, "vertex": _vertex},
}
"""Scheme by scheme who opens it; None: known, and not in this version."""


def _opener(port: str, url: str) -> Callable[..., Awaitable[Any]]:
    setting, scheme = f"REELBUS_{port.upper()}", urlsplit(url).scheme
    known = _OPENERS[port]
    opener = known.get(scheme)
    if opener:
        return opener
    if scheme in known:
        raise Invalid(f"{setting}: the Google adapter for {scheme}:// is not in this version", field=setting)
    usable = ", ".join(f"{name}:" for name, found in known.items() if found)
    raise Invalid(f"{setting}: the scheme {scheme!r} is not known; use one of: {usable}", field=setting)


def _local_path(port: str, url: SplitResult) -> Path:
    path = Path("/", unquote(url.path).lstrip("/"))  # some write a fourth slash
    if url.netloc or url.query or url.fragment or not url.path.strip("/"):
        wanted = f"{url.scheme}:///absolute/path, with ? and # written %3F and %23"
        setting = f"REELBUS_{port.upper()}"
        raise Invalid(f"{setting}: must be {wanted}, not {url.geturl()}", field=setting)
    return path
