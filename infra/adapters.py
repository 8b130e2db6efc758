"""Opens the adapters that the settings' URLs name, and closes them in reverse order.

An adapter is imported only if a URL asks for it: the embedded default loads nothing of Google's.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from infra.gcp.settings import bucket_settings, database_in, project_in
from schemas.domain.clip import Plan
from schemas.errors import Invalid, Unavailable
from schemas.ports import (
    Budgets,
    Bus,
    Deliveries,
    Editor,
    FileDeriver,
    FilmEditor,
    FilmExporter,
    Films,
    Heartbeats,
    JobStore,
    MusicReader,
    ParkedJobs,
    Provenance,
    Statistics,
    VideoChecker,
    VideoModel,
    VideoStore,
)
from schemas.settings import Addresses
from schemas.wire.request import VideoRequest

if TYPE_CHECKING:
    from infra.embedded.database import Database


logger = logging.getLogger(__name__)

_CHECKERS_AT_MOST = 4
"""Each takes one core and about 100 MB."""
CHECK_S = 20
"""A service that does not answer delays the start by no more than this."""


class Adapters:
    """The adapters that one process has open. Use it as a context manager: at its exit it closes the last opened first.

    Each opener raises `Invalid` for a URL that names no adapter, and `Unavailable` if the adapter can't be opened.
    """

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._databases: dict[Path, Database] = {}
        self._stores: dict[str, JobStores] = {}

    async def __aenter__(self) -> "Adapters":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.__aexit__(kind, error, trace)

    async def bus(self, url: str, *, ack_deadline_s: float = 15.0) -> Bus:
        """Open the message bus."""
        address = urlsplit(url)
        if address.scheme not in BUSES:
            raise _unknown_scheme("bus", address, *BUSES)
        return await BUSES[address.scheme](self, address, ack_deadline_s)

    async def jobs(self, url: str) -> JobStore:
        """Open the job store."""
        return (await self._open_stores(url)).jobs

    async def budgets(self, jobs_url: str) -> Budgets:
        """Open the budgets, which are stored beside the jobs."""
        return (await self._open_stores(jobs_url)).budgets

    async def heartbeats(self, jobs_url: str) -> Heartbeats:
        """Open the heartbeats of the workers, which are stored beside the jobs."""
        return (await self._open_stores(jobs_url)).heartbeats

    async def statistics(self, jobs_url: str) -> Statistics:
        """Open the numbers about jobs, messages and workers."""
        return (await self._open_stores(jobs_url)).statistics

    async def jobs_parked(self, jobs_url: str) -> ParkedJobs:
        """Open the parked jobs, which are stored beside the jobs."""
        return (await self._open_stores(jobs_url)).parked

    async def deliveries(self, jobs_url: str) -> Deliveries:
        """Open the webhook deliveries, which are stored beside the jobs."""
        return (await self._open_stores(jobs_url)).deliveries

    async def films(self, jobs_url: str) -> Films:
        """Open the films, which are stored beside the jobs."""
        return (await self._open_stores(jobs_url)).films

    async def videos(
        self, url: str, *, base_url: str, reference_buckets: str = "", scratch: Path | None = None, check: bool = False
    ) -> VideoStore:
        """Open the video store. `base_url` is for the local folder, `reference_buckets` for a bucket.

        `scratch` is a folder whose finished files nothing writes to: a local folder then links instead of copying.

        With `check` also try what would otherwise fail after a video was paid. A service that can't be reached at the
        moment is not an error of the settings: it is only logged.
        """
        address = urlsplit(url)
        match address.scheme:
            case "file":
                from infra.embedded.videos import FolderVideos

                return await FolderVideos.open(_local_path("videos", address), base_url, scratch)
            case "gs":
                settings = bucket_settings(address, reference_buckets=reference_buckets)
                with google_installed():
                    from infra.gcp.storage import GcsVideos
                videos = GcsVideos(settings)
                self.close_at_exit(videos.aclose)
                if check:
                    await _check(videos.check)
                return videos
        raise _unknown_scheme("videos", address, "file", "gs")

    async def model(
        self, url: str, *, videos: VideoStore, scratch: Path, settings: Addresses | None = None
    ) -> VideoModel:
        """Open the video model of a provider. `scratch` is an existing folder for unfinished files.

        A file there that was put into the store, or fetched from it, is not written to afterwards: it may be a link.
        """
        provider, address = find_provider(url)
        model = provider.open_model(address, settings or Addresses(), videos, scratch)
        self.close_at_exit(model.aclose)
        return model

    async def editor(self) -> Editor:
        """Open the editor, which cuts and joins files on this machine."""
        from infra.media.editor import FileEditor

        return FileEditor()

    async def checker(self) -> VideoChecker:
        """Open the checker, which looks at finished videos in child processes."""
        from infra.media.checker import ChildChecker

        checker = ChildChecker(min(_CHECKERS_AT_MOST, os.cpu_count() or 1))
        self.close_at_exit(checker.aclose)
        return checker

    async def film_editor(self) -> FilmEditor:
        """Open the editor of films, which joins their scenes on this machine."""
        from infra.media.film_editor import FileFilmEditor

        return FileFilmEditor()

    async def film_exporter(self) -> FilmExporter:
        """Open what writes timelines for editing programs. Without the extra `editors` it writes none."""
        from infra.media.film_exporter import OtioExporter

        return OtioExporter()

    async def provenance(self, settings: Addresses) -> Provenance:
        """Open what keeps the manifests of models' files. Raises `Invalid` for a certificate that can't be used."""
        from infra.provenance.certificate import open_certificate
        from infra.provenance.keeper import C2paProvenance

        provenance = C2paProvenance(open_certificate(settings))
        self.close_at_exit(provenance.aclose)
        await provenance.check()
        return provenance

    def music_reader(self) -> MusicReader:
        """Open what looks at the music of films, in child processes."""
        from infra.media.music_reader import ChildMusicReader

        return ChildMusicReader()

    def deriver(self) -> FileDeriver:
        """Open what makes files of finished videos, in child processes."""
        from infra.media.deriver import ChildDeriver

        return ChildDeriver()

    async def database(self, path: Path) -> "Database":
        """Open the one connection of this process to a file, which the bus and the job store share."""
        from infra.embedded.database import Database

        if path not in self._databases:
            database = await Database.open(path)
            self._stack.push_async_callback(database.aclose)
            self._databases[path] = database
        return self._databases[path]

    def close_at_exit(self, close: Callable[[], Awaitable[object]]) -> None:
        """Call `close` at the exit, before that of everything opened earlier."""
        self._stack.push_async_callback(close)

    async def _open_stores(self, url: str) -> "JobStores":
        """Open the one client of this process for what is stored with the jobs."""
        address = urlsplit(url)
        if address.scheme not in STORES:
            raise _unknown_scheme("jobs", address, *STORES)
        if url not in self._stores:
            self._stores[url] = await STORES[address.scheme](self, address)
        return self._stores[url]


async def _open_sqlite_bus(adapters: Adapters, address: SplitResult, ack_deadline_s: float) -> Bus:
    from infra.embedded.bus import SqliteBus

    bus = SqliteBus(await adapters.database(_local_path("bus", address)), ack_deadline_s=ack_deadline_s)
    adapters.close_at_exit(bus.aclose)
    return bus


async def _open_pubsub_bus(adapters: Adapters, address: SplitResult, ack_deadline_s: float) -> Bus:
    project = project_in(address)
    with google_installed():
        from infra.gcp.pubsub.bus import PubSubBus
    bus = PubSubBus(project, ack_deadline_s=ack_deadline_s)
    adapters.close_at_exit(bus.aclose)
    return bus


BUSES: Mapping[str, Callable[[Adapters, SplitResult, float], Awaitable[Bus]]] = {
    "sqlite": _open_sqlite_bus,
    "pubsub": _open_pubsub_bus,
}
"""The buses by the scheme of their address. A new bus is a package and a row here."""


class JobStores(NamedTuple):
    """The jobs and what is stored beside them."""

    jobs: JobStore
    budgets: Budgets
    heartbeats: Heartbeats
    parked: ParkedJobs
    statistics: Statistics
    deliveries: Deliveries
    films: Films


async def _open_sqlite_stores(adapters: Adapters, address: SplitResult) -> JobStores:
    from infra.embedded.budgets import SqliteBudgets
    from infra.embedded.deliveries import SqliteDeliveries
    from infra.embedded.films import SqliteFilms
    from infra.embedded.heartbeats import SqliteHeartbeats
    from infra.embedded.jobs import SqliteJobs
    from infra.embedded.parked import SqliteParkedJobs
    from infra.embedded.statistics import SqliteStatistics

    database = await adapters.database(_local_path("jobs", address))
    return JobStores(
        SqliteJobs(database),
        SqliteBudgets(database),
        SqliteHeartbeats(database),
        SqliteParkedJobs(database),
        SqliteStatistics(database),
        SqliteDeliveries(database),
        SqliteFilms(database),
    )


async def _open_firestore_stores(adapters: Adapters, address: SplitResult) -> JobStores:
    project, database = database_in(address)
    with google_installed():
        from infra.gcp.firestore.budgets import FirestoreBudgets
        from infra.gcp.firestore.deliveries import FirestoreDeliveries
        from infra.gcp.firestore.films import FirestoreFilms
        from infra.gcp.firestore.jobs import FirestoreHeartbeats, FirestoreJobs
        from infra.gcp.firestore.parked import FirestoreParkedJobs
        from infra.gcp.firestore.statistics import FirestoreStatistics
    jobs = FirestoreJobs(project, database)
    adapters.close_at_exit(jobs.aclose)
    return JobStores(
        jobs,
        FirestoreBudgets(jobs),
        FirestoreHeartbeats(jobs),
        FirestoreParkedJobs(jobs),
        FirestoreStatistics(jobs),
        FirestoreDeliveries(jobs),
        FirestoreFilms(jobs),
    )


STORES: Mapping[str, Callable[[Adapters, SplitResult], Awaitable[JobStores]]] = {
    "sqlite": _open_sqlite_stores,
    "firestore": _open_firestore_stores,
}
"""The stores by the scheme of their address. A new store is a package and a row here."""


class OpenModel(VideoModel, Protocol):
    """A video model that is closed at the end."""

    async def aclose(self) -> None:
        """Close what it opened."""


class Provider(Protocol):
    """The module of a provider of video models: it becomes a planner and a model. Both raise `Invalid`."""

    def open_planner(self, address: SplitResult, settings: Addresses) -> Callable[[VideoRequest], Plan]:
        """Return what plans a request, without an account and without a network."""

    def open_model(self, address: SplitResult, settings: Addresses, videos: VideoStore, scratch: Path) -> OpenModel:
        """Open the model. It writes its files into `videos`."""


def _animatic() -> Provider:
    from infra.animatic import provider

    return provider


def _vertex() -> Provider:
    from infra.gcp.vertex import provider

    return provider


class ProviderRow(NamedTuple):
    """One provider of video models."""

    address: str
    """The form of its address, for people."""
    load: Callable[[], Provider]
    """Imports its module, which may be heavy."""


PROVIDERS: Mapping[str, ProviderRow] = {
    "animatic": ProviderRow("animatic:", _animatic),
    "vertex": ProviderRow("vertex://project/location", _vertex),
}
"""The providers by the scheme of their address. A new family of models is a package and a row here; its settings are
fields of `schemas.settings.Addresses`."""


def find_provider(url: str) -> tuple[Provider, SplitResult]:
    """Return the provider of an address, and the address. Raises `Invalid` for an address of no provider."""
    address = urlsplit(url)
    if address.scheme in PROVIDERS:
        return PROVIDERS[address.scheme].load(), address
    setting, usable = "REELBUS_PROVIDER", " or ".join(row.address for row in PROVIDERS.values())
    raise Invalid(f"{setting}: must be {usable}, not {url!r}", field=setting)


_OF_GOOGLE = ("google", "grpc")
"""The packages that only the extra `gcp` brings."""


@contextmanager
def google_installed() -> Iterator[None]:
    """Raise `Invalid` if an import in the context needs Google's client libraries and they are not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _OF_GOOGLE:
            raise
        words = "Google's client libraries are not installed: run scripts/bootstrap gcp, or see docs/google-cloud.md"
        raise Invalid(words) from error


async def _check(check: Callable[[], Awaitable[None]]) -> None:
    try:
        async with asyncio.timeout(CHECK_S):
            await check()
    except (Unavailable, TimeoutError) as error:
        logger.warning("can't check the video store", extra={"action": "videos_unchecked", "reason": str(error)})


def _unknown_scheme(port: str, url: SplitResult, *known: str) -> Invalid:
    setting, usable = f"REELBUS_{port.upper()}", ", ".join(f"{scheme}:" for scheme in known)
    return Invalid(f"{setting}: the scheme {url.scheme!r} is not known; use one of: {usable}", field=setting)


def _local_path(port: str, url: SplitResult) -> Path:
    """The path of a URL on this machine. Raises `Invalid`."""
    path = Path("/", unquote(url.path).lstrip("/"))  # a fourth slash is a usual mistake
    if url.netloc or url.query or url.fragment or not url.path.strip("/"):
        wanted = f"{url.scheme}:///absolute/path, with ? and # written %3F and %23"
        setting = f"REELBUS_{port.upper()}"
        raise Invalid(f"{setting}: must be {wanted}, not {url.geturl()}", field=setting)
    return path
