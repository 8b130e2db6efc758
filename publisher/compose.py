"""The composition root: the only module of the publisher that opens adapters."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from infra.adapters import Adapters, google_installed
from infra.clock import SystemClock
from infra.embedded.disk import Disk
from infra.embedded.folder import has_data, make_data_folder
from infra.embedded.videos import read_or_create_secret
from infra.gcp.settings import VertexSettings
from infra.logs import configure_logs
from publisher.context import PublisherContext
from publisher.settings import PublisherSettings
from publisher.worker_watch import WorkerWatch
from schemas.domain.clip import Plan
from schemas.errors import Invalid
from schemas.ports import DEAD_WORKERS, WORKERS
from schemas.wire.request import VideoRequest

if TYPE_CHECKING:
    from infra.embedded.backup import Backup
    from infra.gcp.setup import Setup

_GOOGLE = ("pubsub://", "firestore://", "gs://")


@asynccontextmanager
async def open_context(
    settings: PublisherSettings, *, check: bool = False, make: bool = True
) -> AsyncIterator[PublisherContext]:
    """The ports that the settings name, closed at the end. `check` tries what would fail later, as a service does.

    Without `make` a data folder that is not there is not made: there are no jobs in it.
    """
    with ExitStack() as stack:
        if not make and not await asyncio.to_thread(_has_data, settings):
            settings = _elsewhere(settings, Path(stack.enter_context(TemporaryDirectory(prefix="reelbus-"))))
        elif settings.is_embedded:
            await asyncio.to_thread(make_data_folder, settings.data_dir)
        async with _open_desk(settings, check=check) as desk:
            yield desk


def local_file(settings: PublisherSettings, name: str) -> Path | None:
    """Where a file of the video store is on this machine; None if it is not there, or in a bucket."""
    url = urlsplit(settings.videos_url)
    path = Path(unquote(url.path)) / name
    return path if url.scheme == "file" and path.is_file() else None


def _has_data(settings: PublisherSettings) -> bool:
    url = urlsplit(settings.jobs_url)
    return url.scheme != "sqlite" or has_data(Path(unquote(url.path)))


def _elsewhere(settings: PublisherSettings, folder: Path) -> PublisherSettings:
    """The same settings with empty stores in another folder, instead of those on this machine."""
    local = {"jobs": settings.jobs_url, "bus": settings.bus_url, "videos": settings.videos_url}
    empty = {name: "" for name, url in local.items() if url.startswith(("sqlite:", "file:"))}
    return settings.model_copy(update={"data_dir": folder, **empty})


@asynccontextmanager
async def _open_desk(settings: PublisherSettings, *, check: bool) -> AsyncIterator[PublisherContext]:
    async with Adapters() as adapters:
        desk = PublisherContext(
            bus=await adapters.bus(settings.bus_url),
            jobs=await adapters.jobs(settings.jobs_url),
            videos=await adapters.videos(
                settings.videos_url,
                base_url=settings.facade_url,
                reference_buckets=settings.reference_buckets,
                check=check,
            ),
            clock=SystemClock(),
            workers=WorkerWatch(await adapters.heartbeats(settings.jobs_url), SystemClock()),
        )
        # A message that is published before its subscription exists is lost, and the first worker may start later.
        await desk.bus.ensure(WORKERS)
        await desk.bus.ensure(DEAD_WORKERS)
        yield desk


@asynccontextmanager
async def open_token_check(settings: PublisherSettings) -> AsyncIterator[Callable[[str], Awaitable[str | None]] | None]:
    """What tells whom a Google ID token vouches for; None where the settings name no audience. Raises `Invalid`."""
    if not settings.id_token_audience:
        yield None
        return
    with google_installed():
        from infra.gcp.id_tokens import IdTokens
    tokens = IdTokens(settings.id_token_audience, certs_url=settings.id_token_certs_url)
    try:
        yield tokens.email
    finally:
        await tokens.close()


async def link_secret(settings: PublisherSettings) -> bytes | None:
    """What signs the addresses of the local folder's files; None where a bucket has them. Raises `Unavailable`."""
    url = urlsplit(settings.videos_url)
    return await asyncio.to_thread(read_or_create_secret, Path(unquote(url.path))) if url.scheme == "file" else None


def open_disk_check(settings: PublisherSettings) -> Callable[[], Awaitable[None]]:
    """What raises `Unavailable` while a folder of the settings can't be written to; nothing where they name none."""
    databases = [urlsplit(url).path for url in (settings.bus_url, settings.jobs_url) if url.startswith("sqlite:")]
    videos = [urlsplit(settings.videos_url).path] if settings.videos_url.startswith("file:") else []
    folders = [Path(unquote(path)).parent for path in databases] + [Path(unquote(path)) for path in videos]
    return Disk(folders).check


def open_planner(settings: PublisherSettings) -> Callable[[VideoRequest], Plan]:
    """What the configured model would do for a request: no account, no network. Raises `Invalid`."""
    scheme = settings.model.partition(":")[0]
    if scheme == "animatic":
        from infra.animatic.model import plan

        return plan
    if scheme != "vertex":
        raise Invalid(
            f"REELBUS_MODEL: must be animatic: or vertex://project/location, not {settings.model!r}",
            field="REELBUS_MODEL",
        )
    from infra.gcp.vertex.adapter import open_planner as open_vertex_planner

    vertex = VertexSettings(
        fast_models=settings.fast_models, quality_models=settings.quality_models, prices=settings.prices
    )
    return open_vertex_planner(vertex, urlsplit(settings.model).path.strip("/")).plan


def open_logs(level: str) -> None:
    """Log lines go to standard error from here on."""
    configure_logs(level)


async def set_up(settings: PublisherSettings, *, location: str | None) -> "Setup | None":
    """Makes what the settings name at Google; None where they name nothing there."""
    urls = {"bus": settings.bus_url, "jobs": settings.jobs_url, "videos": settings.videos_url}
    if not any(url.startswith(_GOOGLE) for url in urls.values()):
        return None
    with google_installed():
        from infra.gcp.setup import set_up as set_up_google
    return await set_up_google(urls, location=location)


async def back_up(settings: PublisherSettings, to: Path) -> "Backup":
    """Copy what the embedded default keeps to a new folder. Raises `Invalid` where the jobs lie elsewhere."""
    from infra.embedded.backup import back_up as back_up_folder

    jobs, bus, videos = (urlsplit(url) for url in (settings.jobs_url, settings.bus_url, settings.videos_url))
    if {jobs.scheme, bus.scheme} != {"sqlite"} or jobs.path != bus.path:
        words = "backup copies jobs and messages of one SQLite file; for Google's services see docs/operations.md"
        raise Invalid(words, field="REELBUS_JOBS")
    folder = Path(unquote(videos.path)) if videos.scheme == "file" else None
    return await asyncio.to_thread(back_up_folder, Path(unquote(jobs.path)), folder, to)


def open_emulators() -> AbstractContextManager[Mapping[str, str]]:
    """Google's emulators for as long as the context lasts; gives the environment that leads to them."""
    from infra.gcp.emulators import find_emulators, run_emulators

    return run_emulators(find_emulators())
