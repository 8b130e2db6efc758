"""Looks at what the settings name at Google: credentials, roles, topics, subscriptions, indexes, bucket and models.

Nothing here is paid or changes anything: it gets and lists, tests permissions, and signs one address.
"""

import asyncio
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import SplitResult, urlsplit

from google.auth.exceptions import GoogleAuthError

from infra.gcp.doctor.account import Account, examine_permissions, explain_google, explain_missing, find_account
from infra.gcp.doctor.bucket import EMULATOR as BUCKET_EMULATOR
from infra.gcp.doctor.bucket import Files
from infra.gcp.doctor.database import EMULATOR as DATABASE_EMULATOR
from infra.gcp.doctor.database import Records
from infra.gcp.doctor.evaluation import examine_evaluation, is_private
from infra.gcp.doctor.messages import EMULATOR as BUS_EMULATOR
from infra.gcp.doctor.messages import Messages
from infra.gcp.doctor.models import examine_models, is_anonymous, regions_of
from infra.gcp.settings import bucket_settings, database_in, project_in
from infra.look import run_look
from schemas.ports.findings import Finding
from schemas.settings import Addresses

_PREDICT = "aiplatform.endpoints.predict"
_FIRESTORE = [f"datastore.entities.{verb}" for verb in ("create", "delete", "get", "list", "update")]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Service:
    """One service that the settings name."""

    kind: str
    url: str
    look: Callable[[Account], Iterable[Finding]]
    needs_credentials: bool


async def examine_google(settings: Addresses, processes: Sequence[str], evaluation_base_url: str = "") -> list[Finding]:
    """Look at every service of Google's that the settings name. The services are asked at the same time.

    `evaluation_base_url` is another address of the service that scores videos.
    """
    services = list(_list_services(settings, processes, evaluation_base_url))
    if not services:
        return []
    accounts = list[Account]()
    found = [Finding.ok("credentials", "", "none are needed: all services are emulators")]
    if any(service.needs_credentials for service in services):
        found = await run_look("credentials", "", lambda: _look_for_account(accounts))
    if accounts:
        evaluates = "evaluator" in processes and not is_private(evaluation_base_url)
        look = partial(_look_at_roles, settings, processes, accounts[0], evaluates=evaluates)
        found += await run_look("roles", "", look, explain=explain_google)
    lines = await asyncio.gather(*(_look_at(service, accounts) for service in services))
    return [*found, *(finding for line in lines for finding in line)]


async def _look_at(service: _Service, accounts: Sequence[Account]) -> list[Finding]:
    if service.needs_credentials and not accounts:
        return [Finding.skip(service.kind, service.url, "can't be looked at without credentials")]
    look = partial(service.look, accounts[0] if accounts else Account())
    return await run_look(service.kind, service.url, look, explain=explain_google)


def _look_for_account(accounts: list[Account]) -> Iterator[Finding]:
    try:
        accounts.append(find_account())
    except GoogleAuthError as error:
        yield explain_missing(error)
    else:
        yield Finding.ok("credentials", "", f"are those of {accounts[0].name}")


def _look_at_roles(
    settings: Addresses, processes: Sequence[str], account: Account, *, evaluates: bool
) -> Iterator[Finding]:
    """Ask for what is granted on projects. Topics, subscriptions and the bucket are asked themselves."""
    wanted = dict[str, dict[str, str]]()
    bus, jobs, provider = (urlsplit(url) for url in (settings.bus_url, settings.jobs_url, settings.provider_url))
    if bus.scheme == "pubsub" and BUS_EMULATOR not in os.environ and "facade" in processes:
        for verb in ("create", "delete"):
            wanted.setdefault(project_in(bus), {})[f"pubsub.subscriptions.{verb}"] = "roles/pubsub.editor"
    if jobs.scheme == "firestore" and DATABASE_EMULATOR not in os.environ:
        wanted.setdefault(database_in(jobs)[0], {}).update(dict.fromkeys(_FIRESTORE, "roles/datastore.user"))
    if provider.scheme == "vertex" and not is_anonymous(settings) and "worker" in processes:
        wanted.setdefault(provider.netloc, {})[_PREDICT] = "roles/aiplatform.user"
    if evaluates and (project := urlsplit(settings.evaluation).netloc):
        wanted.setdefault(project, {})[_PREDICT] = "roles/aiplatform.user"
    for project, permissions in wanted.items():
        yield from examine_permissions(account, project, permissions)


def _list_services(settings: Addresses, processes: Sequence[str], evaluation_base_url: str) -> Iterator[_Service]:
    """List the services. Each look opens a client of its own, and closes it."""
    bus, jobs, videos, provider = (
        urlsplit(url) for url in (settings.bus_url, settings.jobs_url, settings.videos_url, settings.provider_url)
    )

    def look_at_bus(account: Account) -> Iterator[Finding]:
        webhooks = bool(settings.webhook_secrets.get_secret_value())
        with Messages(project_in(bus), account, webhooks=webhooks, evaluates=bool(settings.evaluation)) as messages:
            yield from messages.examine(processes)

    def look_at_jobs(account: Account) -> Iterator[Finding]:
        with Records(*database_in(jobs), account) as records:
            yield from records.examine()

    def look_at_videos(account: Account) -> Iterator[Finding]:
        regions = regions_of(provider, settings) if provider.scheme == "vertex" else frozenset[str]()
        project = provider.netloc if provider.scheme == "vertex" else None
        bucket = bucket_settings(videos, reference_buckets=settings.reference_buckets)
        with Files(bucket, account, vertex_project=project) as files:
            yield from files.examine(regions)

    rows: tuple[tuple[str, SplitResult, str, Callable[[Account], Iterable[Finding]], bool], ...] = (
        ("bus", bus, "pubsub", look_at_bus, BUS_EMULATOR not in os.environ),
        ("database", jobs, "firestore", look_at_jobs, DATABASE_EMULATOR not in os.environ),
        ("bucket", videos, "gs", look_at_videos, BUCKET_EMULATOR not in os.environ),
        ("model", provider, "vertex", partial(examine_models, provider, settings), not is_anonymous(settings)),
    )
    for kind, url, scheme, look, needs_credentials in rows:
        if url.scheme == scheme:
            yield _Service(kind=kind, url=url.geturl(), look=look, needs_credentials=needs_credentials)
    if "evaluator" in processes and settings.evaluation:
        yield _Service(
            kind="evaluation",
            url=settings.evaluation,
            look=partial(examine_evaluation, settings.evaluation, evaluation_base_url),
            needs_credentials=not is_private(evaluation_base_url),
        )
