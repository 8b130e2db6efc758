"""Looks at everything that the settings name, on this machine and at Google, for `reelbus doctor`.

A part is imported only if the settings name it.
"""

from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from functools import partial
from urllib.parse import SplitResult, urlsplit

from infra.adapters import BUSES, PROVIDERS, google_installed
from infra.embedded.doctor import examine_clock, examine_file_system, examine_folder
from infra.gcp.settings import EVALUATION, bucket_settings, database_in, place_in, project_in
from infra.look import run_look
from infra.telemetry.doctor import examine_telemetry
from infra.telemetry.opening import has_collector
from schemas.errors import Invalid
from schemas.ports.findings import Finding
from schemas.settings import Addresses

_GOOGLE = frozenset({"pubsub", "firestore", "gs", "vertex"})


async def examine(settings: Addresses, processes: Sequence[str], evaluation_base_url: str = "") -> list[Finding]:
    """Look at everything that these processes need: `facade`, `worker`, `evaluator` or several.

    `evaluation_base_url` is another address of the service that scores videos.
    """
    found = list(_examine_addresses(settings, processes))
    if found:
        return found  # a look at a wrong address would only repeat this
    lines = [line for look in _list_looks(settings, processes) for line in await look]
    evaluation = settings.evaluation if "evaluator" in processes else ""
    urls = (settings.bus_url, settings.jobs_url, settings.videos_url, settings.provider_url, evaluation)
    if _GOOGLE.isdisjoint(urlsplit(url).scheme for url in urls):
        return lines
    try:
        with google_installed():
            from infra.gcp.doctor import examine_google
    except Invalid as error:
        return [*lines, Finding.wrong("packages", "google", str(error), "scripts/bootstrap gcp")]
    return [*lines, *await examine_google(settings, processes, evaluation_base_url)]


def _list_looks(settings: Addresses, processes: Sequence[str]) -> Iterator[Awaitable[list[Finding]]]:
    """List the looks at this machine."""
    folder = settings.data_dir.absolute()
    yield run_look("folder", str(settings.data_dir), lambda: examine_folder(folder))
    if settings.is_embedded:
        yield run_look("file system", str(folder), lambda: examine_file_system(folder))
        yield run_look("clock", "", lambda: examine_clock(folder))
    if settings.provider_url.startswith("animatic:"):
        yield run_look("renderer", "", _examine_renderer)
    elif "worker" in processes:
        yield run_look("media", "", _examine_media)
    if settings.metrics_port or has_collector():
        yield run_look("telemetry", "", lambda: examine_telemetry(settings.metrics_port))
    if settings.c2pa_certificate:
        yield run_look("provenance", "", lambda: _examine_certificate(settings))


def _examine_addresses(settings: Addresses, processes: Sequence[str]) -> Iterator[Finding]:
    """Look if each address names an adapter, and is written as that adapter wants it."""

    def parse_bucket(url: SplitResult) -> object:
        return bucket_settings(url, reference_buckets=settings.reference_buckets)

    rows: tuple[tuple[str, str, Collection[str], str, Callable[[SplitResult], object]], ...] = (
        ("REELBUS_BUS", settings.bus_url, BUSES, "pubsub", project_in),
        ("REELBUS_JOBS", settings.jobs_url, ("sqlite", "firestore"), "firestore", database_in),
        ("REELBUS_VIDEOS", settings.videos_url, ("file", "gs"), "gs", parse_bucket),
        ("REELBUS_PROVIDER", settings.provider_url, PROVIDERS, "vertex", place_in),
    )
    if settings.evaluation and "evaluator" in processes:
        parse_place = partial(place_in, setting=EVALUATION)
        rows = (*rows, (EVALUATION, settings.evaluation, ("vertex",), "vertex", parse_place))
    for setting, address, known, scheme, parse in rows:
        url = urlsplit(address)
        if url.scheme not in known:
            words = f"the scheme {url.scheme!r} is not known; use one of: {', '.join(known)}"
            yield Finding.wrong("settings", setting, words, f"correct {setting}")
        elif url.scheme == scheme:
            try:
                parse(url)
            except Invalid as error:
                yield Finding.wrong("settings", setting, str(error).removeprefix(f"{setting}: "), f"correct {setting}")


def _examine_certificate(settings: Addresses) -> Iterator[Finding]:
    from infra.provenance.doctor import examine_certificate

    yield from examine_certificate(settings)


def _examine_media() -> Iterator[Finding]:
    from infra.media.doctor import examine_media

    yield from examine_media()


def _examine_renderer() -> Iterator[Finding]:
    from infra.animatic.doctor import examine_renderer

    yield from examine_renderer()
