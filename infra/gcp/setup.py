"""Makes a Google project ready for reelbus, once and again: what is there stays, what differs is brought in line."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlsplit

from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.cloud.storage import Client

from infra.gcp.addresses import database_in, project_in
from infra.gcp.firestore import FirestoreJobs
from infra.gcp.gcs_bucket import set_up_bucket
from infra.gcp.gcs_settings import BucketSettings, bucket_settings
from infra.gcp.subscriptions import Subscriptions
from infra.gcp.translate import translated
from schemas.ports import COMPLETIONS, DEAD_REQUESTS, DEAD_WORKERS, REQUESTS, WORKERS

_AGENT = "serviceAccount:service-$(gcloud projects describe {project} --format='value(projectNumber)')"
_AGENT_DOMAIN = "@gcp-sa-pubsub.iam.gserviceaccount.com"


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One thing that was looked at."""

    kind: str
    name: str
    done: str
    """`created`, `updated (…)`, `kept`, `answers` for what can only be asked, `ignored` where an emulator can't."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What was done, and what is left for a person with more rights."""

    changes: list[Change] = field(default_factory=list)
    hints: list[str] = field(default_factory=list)

    def report(self, kind: str, name: str, done: str) -> None:
        """Called for each thing; what was told of it first stands."""
        if (kind, name) not in {(change.kind, change.name) for change in self.changes}:
            self.changes.append(Change(kind=kind, name=name, done=done))


async def set_up(urls: Mapping[str, str], *, location: str | None) -> Setup:
    """`urls` by port. Raises `Unavailable`, `Invalid` for an address that is none, `NotFound` for a missing bucket."""
    setup = Setup()
    videos, bus, jobs = (urlsplit(urls[port]) for port in ("videos", "bus", "jobs"))
    settings = bucket_settings(videos) if videos.scheme == "gs" else None
    project = project_in(bus) if bus.scheme == "pubsub" else None
    database = database_in(jobs) if jobs.scheme == "firestore" else None
    if settings:
        await _blocking("Cloud Storage", partial(_bucket, settings, location, setup))
    if project:
        await _blocking("Pub/Sub", partial(_topics, project, setup))
        setup.hints.extend(_dead_letter_roles(project))
    if database:
        await _database(*database, setup)
    return setup


async def _blocking(service: str, work: Callable[[], None]) -> None:
    with translated(service):
        await asyncio.to_thread(work)


def _bucket(settings: BucketSettings, location: str | None, setup: Setup) -> None:
    client = Client()
    try:
        set_up_bucket(client, settings, location, setup.report)
    finally:
        client.close()


def _topics(project: str, setup: Setup) -> None:
    with PublisherClient() as publisher, SubscriberClient() as subscriber:
        subscriptions = Subscriptions(publisher, subscriber, project)
        for topic in (REQUESTS, COMPLETIONS, DEAD_REQUESTS):
            subscriptions.ensure_topic(topic, setup.report)
        for subscription in (WORKERS, DEAD_WORKERS):
            subscriptions.ensure(subscription, subscription.name, setup.report)
        publisher.stop()


async def _database(project: str, database: str, setup: Setup) -> None:
    jobs = FirestoreJobs(project, database)
    try:
        await jobs.get("reelbus-setup")
    finally:
        await jobs.close()
    setup.report("database", database, "answers")
    setup.hints.append(
        "Firestore needs the indexes of infra/deploy/firestore.indexes.json: firebase deploy --only firestore:indexes"
    )


def _dead_letter_roles(project: str) -> list[str]:
    """Pub/Sub itself forwards dead letters (https://cloud.google.com/pubsub/docs/handling-failures)."""
    member = f'--member="{_AGENT.format(project=project)}{_AGENT_DOMAIN}"'
    to = f"--project={project} {member}"
    return [
        "Pub/Sub forwards dead letters only with these roles:",
        f"gcloud pubsub topics add-iam-policy-binding {DEAD_REQUESTS} {to} --role=roles/pubsub.publisher",
        f"gcloud pubsub subscriptions add-iam-policy-binding {WORKERS.name} {to} --role=roles/pubsub.subscriber",
    ]
