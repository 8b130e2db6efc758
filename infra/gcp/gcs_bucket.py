"""Sees to the bucket: that it is there, and that what lies under `work/` does not lie there for ever."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from google.api_core.exceptions import Conflict
from google.api_core.exceptions import NotFound as NotFoundThere
from google.cloud.storage import Bucket, Client

from infra.gcp.gcs_settings import BucketSettings
from schemas.errors import Invalid, NotFound
from schemas.names import WORK

WORK_KEPT_DAYS = 30
"""Longer than any job looks for a clip that it paid for, and than most people take to ask for the original."""
_NEEDED = frozenset(f"storage.objects.{verb}" for verb in ("create", "delete", "get", "list"))
_TIMEOUT_S = 30
Report = Callable[[str, str, str], None]


def set_up_bucket(client: Client, settings: BucketSettings, location: str | None, report: Report) -> None:
    """Blocks. Makes a bucket only where it is told a place for it, or on an emulator. Raises `NotFound` else."""
    bucket = client.lookup_bucket(settings.bucket, timeout=_TIMEOUT_S)
    report("bucket", settings.bucket, "kept" if bucket else "created")
    if bucket is None:
        bucket = _create(client, settings.bucket, location)
    report("lifecycle", f"{settings.bucket}/{WORK}", _limit_work(bucket))


def check_bucket(bucket: Bucket) -> None:
    """Blocks. Raises `Invalid` if the bucket is missing, or closed to these credentials."""
    try:
        missing = sorted(_NEEDED - set(bucket.test_iam_permissions(list(_NEEDED), timeout=_TIMEOUT_S)))
    except NotFoundThere as error:
        if bucket.client._is_emulator_set and _can_be_listed(bucket):
            return  # this emulator knows no permissions
        words = f"there is no bucket {bucket.name}, or these credentials may not see it; `reelbus setup` makes it"
        raise Invalid(f"REELBUS_VIDEOS: {words}", field="REELBUS_VIDEOS") from error
    if missing:
        words = f"these credentials lack {', '.join(missing)} on the bucket {bucket.name}"
        raise Invalid(f"REELBUS_VIDEOS: {words}; roles/storage.objectAdmin has them", field="REELBUS_VIDEOS")


def _can_be_listed(bucket: Bucket) -> bool:
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
    except Conflict:  # somebody else was quicker
        return client.get_bucket(name, timeout=_TIMEOUT_S)


def _limit_work(bucket: Bucket) -> str:
    before = list(bucket.lifecycle_rules)
    if _limits_work(before):
        return "kept"  # with whatever age somebody chose
    bucket.add_lifecycle_delete_rule(age=WORK_KEPT_DAYS, matches_prefix=[WORK])
    bucket.patch(timeout=_TIMEOUT_S)
    if not _limits_work(bucket.lifecycle_rules):
        return "ignored"
    return "updated" if before else "created"


def _limits_work(rules: Iterable[Mapping[str, Any]]) -> bool:
    return any(rule.get("condition", {}).get("matchesPrefix") == [WORK] for rule in rules)
