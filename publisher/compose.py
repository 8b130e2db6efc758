"""The composition root: the only module of the publisher that opens adapters."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from infra.adapters import Adapters, find_provider, google_installed
from infra.animatic.frame_reports import FrameReports
from infra.clock import SystemClock
from infra.editors import find_exports
from infra.embedded.disk import Disk
from infra.embedded.folder import has_data, make_data_folder
from infra.embedded.videos import read_or_create_secret
from infra.event_loop import freeze_loaded, run_service
from infra.gcp.settings import trace_project
from infra.logs import configure_logs
from infra.parent import exit_with_parent
from infra.telemetry.commands import count_saves
from infra.telemetry.opening import open_telemetry
from infra.webhooks.poster import HttpPoster
from infra.webhooks.secrets import open_secrets
from infra.webhooks.signing_keys import open_signing_keys
from publisher.context import PublisherContext, QueueLimit
from publisher.derived_files import DerivedFiles
from publisher.doctor import examine_budgets, examine_webhooks, examine_workers, no_jobs_yet
from publisher.films.music_looks import LOOKS_AT_MOST, MusicLooks
from publisher.settings import PublisherSettings
from publisher.webhook_endpoints import examine_endpoints
from publisher.worker_watch import WorkerWatch
from schemas.domain.clip import Plan
from schemas.errors import Invalid, Unavailable
from schemas.former import former_names
from schemas.ports.findings import Finding, Verdict
from schemas.services.subscriptions import check_subscriptions
from schemas.wire.request import VideoRequest

if TYPE_CHECKING:
    from infra.embedded.backup import Backup
    from infra.gcp.setup import Setup

__all__ = [
    "back_up",
    "examine",
    "exit_with_parent",
    "freeze_loaded",
    "link_secret",
    "local_file",
    "open_context",
    "open_disk_check",
    "open_emulators",
    "open_logs",
    "open_planner",
    "open_token_check",
    "run_service",
    "set_up",
]

_NEEDED_FOR_JOBS = frozenset({"settings", "folder", "database", "packages", "credentials"})
"""Kinds of findings without which no job can be read."""
_GOOGLE = ("pubsub://", "firestore://", "gs://")


@asynccontextmanager
async def open_context(
    settings: PublisherSettings, *, check: bool = False, make: bool = True
) -> AsyncIterator[PublisherContext]:
    """Open the ports that the settings name, and close them at the end.

    With `check`, try what would otherwise fail later, and open the telemetry; services do that. Without it, what is
    saved is counted. Without `make`, a data folder that does not exist is not made: the context then has empty stores
    in a temporary folder, and no secrets.
    """
    async with AsyncExitStack() as stack:
        webhook_secrets = open_secrets(settings)  # of the folder itself: what a temporary one has is lost
        if not make and not await asyncio.to_thread(_has_data, settings):
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="reelbus-")))
            local = {"jobs": settings.jobs_url, "bus": settings.bus_url, "videos": settings.videos_url}
            empty = {name: "" for name, url in local.items() if url.startswith(("sqlite:", "file:"))}
            settings = settings.model_copy(update={"data_dir": folder, **empty})
        elif settings.is_embedded:
            await asyncio.to_thread(make_data_folder, settings.data_dir)
        telemetry = None
        if check:
            telemetry = stack.enter_context(
                open_telemetry("facade", host=settings.host, metrics_port=settings.metrics_port)
            )
        most = settings.max_queued_per_caller
        adapters = await stack.enter_async_context(Adapters())
        poster = HttpPoster(settings.webhook_policy)
        adapters.close_at_exit(poster.aclose)
        jobs = await adapters.jobs(settings.jobs_url)
        ctx = PublisherContext(
            bus=await adapters.bus(settings.bus_url),
            jobs=jobs if check else count_saves(jobs, settings.jobs_url, stack),
            videos=await adapters.videos(
                settings.videos_url,
                base_url=settings.facade_url,
                reference_buckets=settings.reference_buckets,
                check=check,
            ),
            clock=SystemClock(),
            workers=WorkerWatch(await adapters.heartbeats(settings.jobs_url), SystemClock()),
            reports=FrameReports(settings.reports_dir),
            queue_limit=QueueLimit(jobs=most, starts_per_minute=settings.submits_per_minute) if most else None,
            deliveries=await adapters.deliveries(settings.jobs_url),
            films=await adapters.films(settings.jobs_url),
            film_exports=find_exports(),
            music=adapters.music_reader(),
            music_looks=MusicLooks(max(1, min(LOOKS_AT_MOST, settings.intake_at_once // 2))),
            webhook_policy=settings.webhook_policy if webhook_secrets.exist else None,
            webhook_secrets=webhook_secrets.of if webhook_secrets.exist else None,
            endpoint_secrets=webhook_secrets.of_endpoint if webhook_secrets.exist else None,
            webhook_keys=open_signing_keys(settings),
            poster=poster,
            planner=_LazyPlanner(settings),
            limits=settings.budgets,
            budgets=await adapters.budgets(settings.jobs_url) if settings.budgets else None,
            statistics=await adapters.statistics(settings.jobs_url),
        )
        ctx = replace(ctx, derived_files=_open_derived_files(adapters, ctx))
        if telemetry:
            stack.push_async_callback(telemetry.settle)
            ctx = replace(
                ctx,
                bus=telemetry.trace_bus(ctx.bus, settings.bus_url),
                jobs=telemetry.trace_jobs(ctx.jobs, settings.jobs_url),
                videos=telemetry.trace_videos(ctx.videos),
                telemetry=telemetry,
            )
        await check_subscriptions(ctx.bus)
        yield ctx


def _open_derived_files(adapters: Adapters, ctx: PublisherContext) -> DerivedFiles:
    files = DerivedFiles(jobs=ctx.jobs, videos=ctx.videos, clock=ctx.clock, deriver=adapters.deriver())
    adapters.close_at_exit(files.aclose)
    return files


def _has_data(settings: PublisherSettings) -> bool:
    url = urlsplit(settings.jobs_url)
    return url.scheme != "sqlite" or has_data(Path(unquote(url.path)))


def local_file(settings: PublisherSettings, name: str) -> Path | None:
    """Return the path of a file of the video store on this machine; None if it does not exist or is in a bucket."""
    url = urlsplit(settings.videos_url)
    path = Path(unquote(url.path)) / name
    return path if url.scheme == "file" and path.is_file() else None


@asynccontextmanager
async def open_token_check(settings: PublisherSettings) -> AsyncIterator[Callable[[str], Awaitable[str | None]] | None]:
    """Open the check that returns the account of a Google ID token, or None if the settings name no audience.

    Raises `Invalid`.
    """
    if not settings.id_token_audience:
        yield None
        return
    with google_installed():
        from infra.gcp.id_tokens import IdTokens
    tokens = IdTokens(settings.id_token_audience, certs_url=settings.id_token_certs_url)
    try:
        yield tokens.email
    finally:
        await tokens.aclose()


async def link_secret(settings: PublisherSettings) -> bytes | None:
    """Return the secret that signs the addresses of local files; None if a bucket has them. Raises `Unavailable`."""
    url = urlsplit(settings.videos_url)
    return await asyncio.to_thread(read_or_create_secret, Path(unquote(url.path))) if url.scheme == "file" else None


def open_disk_check(settings: PublisherSettings) -> Callable[[], Awaitable[None]]:
    """Return a check that raises `Unavailable` while a local folder of the settings can't be written to."""
    databases = [urlsplit(url).path for url in (settings.bus_url, settings.jobs_url) if url.startswith("sqlite:")]
    videos = [urlsplit(settings.videos_url).path] if settings.videos_url.startswith("file:") else []
    folders = [Path(unquote(path)).parent for path in databases] + [Path(unquote(path)) for path in videos]
    return Disk(folders).check


def open_planner(settings: PublisherSettings) -> Callable[[VideoRequest], Plan]:
    """Return the planner of the configured provider, which needs no account and no network. Raises `Invalid`."""
    provider, address = find_provider(settings.provider_url)
    return provider.open_planner(address, settings)


class _LazyPlanner:
    """Opens the planner for the first plan: most processes make none, and its modules are heavy."""

    def __init__(self, settings: PublisherSettings) -> None:
        self._open = partial(open_planner, settings)
        self._plan: Callable[[VideoRequest], Plan] | None = None

    def __call__(self, request: VideoRequest) -> Plan:
        if self._plan is None:
            try:
                self._plan = self._open()
            except Invalid as error:  # of the settings: the request is not at fault
                raise Unavailable(f"no plan can be made: {error}") from error
        return self._plan(request)


def open_logs(settings: PublisherSettings) -> None:
    """Send log lines to standard error from now on."""
    project = trace_project(settings.bus_url, settings.jobs_url, settings.provider_url)
    configure_logs(settings.log_level, project=project)


async def set_up(settings: PublisherSettings, *, location: str | None) -> "Setup | None":
    """Make what the settings name at Google; return None if they name nothing there."""
    urls = {"bus": settings.bus_url, "jobs": settings.jobs_url, "videos": settings.videos_url}
    if not any(url.startswith(_GOOGLE) for url in urls.values()):
        return None
    with google_installed():
        from infra.gcp.setup import set_up as set_up_google
    return await set_up_google(urls, location=location)


async def examine(
    settings: PublisherSettings, processes: Sequence[str], evaluation_base_url: str = ""
) -> list[Finding]:
    """Look at everything that the settings name. Nothing is made, changed or paid."""
    from infra.doctor import examine as examine_adapters

    found = await examine_adapters(settings, processes, evaluation_base_url)
    found += examine_webhooks(settings.jobs_url, settings.webhook_secrets.get_secret_value())
    with suppress(Invalid):  # a wrong provider or model has its line above
        found += await asyncio.to_thread(lambda: list(examine_budgets(settings.budgets, open_planner(settings))))
    if any(finding.verdict is Verdict.WRONG and finding.kind in _NEEDED_FOR_JOBS for finding in found):
        return found
    if not await asyncio.to_thread(_has_data, settings):
        return [*found, no_jobs_yet()]
    async with Adapters() as adapters:
        jobs, heartbeats = await adapters.jobs(settings.jobs_url), await adapters.heartbeats(settings.jobs_url)
        endpoints = await examine_endpoints(await adapters.deliveries(settings.jobs_url))
        return [*found, await examine_workers(jobs, heartbeats), *endpoints]


async def back_up(settings: PublisherSettings, to: Path) -> "Backup":
    """Copy the data of the embedded default to a new folder. Raises `Invalid` if the jobs are stored elsewhere."""
    from infra.embedded.backup import back_up as back_up_folder

    jobs, bus, videos = (urlsplit(url) for url in (settings.jobs_url, settings.bus_url, settings.videos_url))
    if {jobs.scheme, bus.scheme} != {"sqlite"} or jobs.path != bus.path:
        words = "backup copies jobs and messages of one SQLite file; for Google's services see docs/operations.md"
        raise Invalid(words, field="REELBUS_JOBS")
    folder = Path(unquote(videos.path)) if videos.scheme == "file" else None
    return await asyncio.to_thread(back_up_folder, Path(unquote(jobs.path)), folder, to)


def open_emulators() -> AbstractContextManager[Mapping[str, str]]:
    """Run Google's emulators for as long as the context lasts; it yields the environment that leads to them."""
    from infra.gcp.emulators import find_emulators, run_emulators

    return run_emulators(find_emulators())


if not TYPE_CHECKING:  # for the type checker only what is here exists
    __getattr__ = former_names(__name__)
