"""Prepares a Google project for reelbus: the bucket and its lifecycle rule, the topics and subscriptions, the database.

It may be repeated: what exists is kept, and what differs is updated.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from google.api_core.exceptions import Conflict
from google.api_core.exceptions import NotFound as NotFoundThere
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.cloud.storage import Bucket, Client

from infra.gcp.errors import translate_errors
from infra.gcp.firestore.jobs import FirestoreJobs
from infra.gcp.pubsub.admin import Subscriptions
from infra.gcp.settings import BucketSettings, bucket_settings, database_in, project_in
from schemas.domain.object_names import WORK
from schemas.errors import Invalid, NotFound
from schemas.ports import BATCH_WORKERS, DEAD_REQUESTS, WORKERS
from schemas.services.subscriptions import SHARED, TOPICS

WORK_KEPT_DAYS = 30
"""Longer than any job looks for a clip that it paid for, and than most callers take to ask for the original."""
_NEEDED = frozenset(f"storage.objects.{verb}" for verb in ("create", "delete", "get", "list"))
_TIMEOUT_S = 30
Report = Callable[[str, str, str], None]


def set_up_bucket(client: Client, settings: BucketSettings, location: str | None, report: Report) -> None:
    """Make sure that the bucket exists, and that files under `work/` expire. Blocks.

    A missing bucket is created only if a location is given, or on an emulator. Raises `NotFound` otherwise.
    """
    bucket = client.lookup_bucket(settings.bucket, timeout=_TIMEOUT_S)
    report("bucket", settings.bucket, "kept" if bucket else "created")
    if bucket is None:
        bucket = _create(client, settings.bucket, location)
    report("lifecycle", f"{settings.bucket}/{WORK}", _expire_work_files(bucket))


def check_bucket(bucket: Bucket) -> None:
    """Raise `Invalid` if the bucket is missing, or if these credentials lack a permission on it. Blocks."""
    try:
        missing = sorted(_NEEDED - set(bucket.test_iam_permissions(list(_NEEDED), timeout=_TIMEOUT_S)))
    except NotFoundThere as error:
        if bucket.client._is_emulator_set and _can_list(bucket):
            return  # this emulator has no permissions
        words = f"there is no bucket {bucket.name}, or these credentials may not see it; `reelbus setup` makes it"
        raise Invalid(f"REELBUS_VIDEOS: {words}", field="REELBUS_VIDEOS") from error
    if missing:
        words = f"these credentials lack {', '.join(missing)} on the bucket {bucket.name}"
        raise Invalid(f"REELBUS_VIDEOS: {words}; roles/storage.objectAdmin has them", field="REELBUS_VIDEOS")


def _can_list(bucket: Bucket) -> bool:
    try:
        list(bucket.list_blobs(prefix=f"{WORK}check", max_results=1, timeout=_TIMEOUT_S))
    except NotFoundThere:
        return False
    return True


def _create(client: Client, name: str, location: str | None) -> Bucket:
    if location is None and not client._is_emulator_set:
        raise NotFound(f"there is no bucket {name}; `reelbus setup --location us-central1` makes it there")
    bucket = client.bucket(name)
    bucket.iam_configuration.uniform_bucket_level_access_enabled = True
    try:
        return client.create_bucket(bucket, location=location, timeout=_TIMEOUT_S)
    except Conflict:  # another process created it first
        return client.get_bucket(name, timeout=_TIMEOUT_S)


def _expire_work_files(bucket: Bucket) -> str:
    before = list(bucket.lifecycle_rules)
    if has_work_rule(before):
        return "kept"  # with the age that the operator chose
    bucket.add_lifecycle_delete_rule(age=WORK_KEPT_DAYS, matches_prefix=[WORK])
    bucket.patch(timeout=_TIMEOUT_S)
    if not has_work_rule(bucket.lifecycle_rules):
        return "ignored"
    return "updated" if before else "created"


def has_work_rule(rules: Iterable[Mapping[str, Any]]) -> bool:
    """Return True if a rule of the bucket is about the files under `work/` alone."""
    return any(rule.get("condition", {}).get("matchesPrefix") == [WORK] for rule in rules)


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
        """Note what was done with one resource. The first report about a resource counts."""
        if (kind, name) not in {(change.kind, change.name) for change in self.changes}:
            self.changes.append(Change(kind=kind, name=name, done=done))


async def set_up(urls: Mapping[str, str], *, location: str | None) -> Setup:
    """Prepare what the URLs name. `urls` are by port.

    Raises `Unavailable`, `Invalid` for a wrong URL, and `NotFound` for a missing bucket.
    """
    setup = Setup()
    videos, bus, jobs = (urlsplit(urls[port]) for port in ("videos", "bus", "jobs"))
    settings = bucket_settings(videos) if videos.scheme == "gs" else None
    project = project_in(bus) if bus.scheme == "pubsub" else None
    database = database_in(jobs) if jobs.scheme == "firestore" else None
    if settings:
        await _run_in_thread("Cloud Storage", partial(_bucket, settings, location, setup))
    if project:
        await _run_in_thread("Pub/Sub", partial(_topics, project, setup))
        member = f'--member="{_AGENT.format(project=project)}{_AGENT_DOMAIN}"'
        to = f"--project={project} {member}"
        # Pub/Sub itself forwards dead letters: https://cloud.google.com/pubsub/docs/handling-failures
        topic = f"topics add-iam-policy-binding {DEAD_REQUESTS} {to} --role=roles/pubsub.publisher"
        setup.hints.extend(("Pub/Sub forwards dead letters only with these roles:", f"gcloud pubsub {topic}"))
        for each in (WORKERS, BATCH_WORKERS):
            binding = f"add-iam-policy-binding {each.name} {to} --role=roles/pubsub.subscriber"
            setup.hints.append(f"gcloud pubsub subscriptions {binding}")
    if database:
        await _database(*database, setup)
    return setup


async def _run_in_thread(service: str, work: Callable[[], None]) -> None:
    with translate_errors(service):
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
        for topic in TOPICS:
            subscriptions.ensure_topic(topic, setup.report)
        for subscription in SHARED:
            subscriptions.ensure(subscription, subscription.name, setup.report)
        publisher.stop()


async def _database(project: str, database: str, setup: Setup) -> None:
    jobs = FirestoreJobs(project, database)
    try:
        await jobs.get("reelbus-setup")
    finally:
        await jobs.aclose()
    setup.report("database", database, "answers")
    setup.hints.append(
        "Firestore needs the indexes of infra/deploy/firestore.indexes.json: firebase deploy --only firestore:indexes"
    )
