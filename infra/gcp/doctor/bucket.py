"""Looks at the bucket: whether it exists, where it is, who may read and write it, and whether its links work."""

import os
from collections.abc import Iterator, Set
from typing import Any
from urllib.parse import quote

from google.api_core.exceptions import Forbidden, GoogleAPICallError, NotFound
from google.auth.exceptions import GoogleAuthError
from google.cloud.storage import Bucket, Client

from infra.gcp.doctor.account import CALL_S, Account, agent_member, explain_google, member_of
from infra.gcp.settings import BucketSettings
from infra.gcp.setup import WORK_KEPT_DAYS, check_bucket, has_work_rule
from infra.gcp.storage import UrlSigner
from infra.look import one_line
from schemas.domain.object_names import FINALS, POSTERS, WORK
from schemas.errors import Invalid
from schemas.ports.findings import Finding

EMULATOR = "STORAGE_EMULATOR_HOST"
_SEARCHED_DAYS = 2
"""A worker looks for a paid clip under `work/` for 24 hours after the end of its job."""
_EVERYONE = frozenset({"allUsers", "allAuthenticatedUsers"})
_AGENT = "@gcp-sa-aiplatform.iam.gserviceaccount.com"
_REGIONS = {
    "nam4": ("us-central1", "us-east1"),
    "eur4": ("europe-north1", "europe-west4"),
    "asia1": ("asia-northeast1", "asia-northeast2"),
}
"""The predefined dual-regions: https://cloud.google.com/storage/docs/locations"""
_MULTI_REGIONS = {"us": "us-", "eu": "europe-", "asia": "asia-"}


class Files:
    """The looks at one bucket. Close it afterwards."""

    def __init__(self, settings: BucketSettings, account: Account, *, vertex_project: str | None = None) -> None:
        """`vertex_project`: the project in which Vertex AI is called, which writes clips into the bucket."""
        self._emulated = EMULATOR in os.environ
        self._client = Client(project=None, credentials=None if self._emulated else account.credentials)
        self._bucket = self._client.bucket(settings.bucket)
        self._settings = settings
        self._vertex_project = vertex_project
        self._account = account

    def __enter__(self) -> "Files":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def examine(self, regions: Set[str]) -> Iterator[Finding]:
        """Look at all of it. `regions` are those in which the settings call Vertex AI."""
        name = self._settings.bucket
        try:
            check_bucket(self._bucket)
        except Invalid as error:
            remedy = (
                "reelbus setup --location us-central1, or grant the role"
                if regions
                else "reelbus setup --location PLACE"
            )
            yield Finding.wrong("bucket", name, one_line(error).removeprefix("REELBUS_VIDEOS: "), remedy)
            return
        except GoogleAPICallError as error:
            yield explain_google("bucket", name, error)
            return
        yield Finding.ok("bucket", name, "exists, and files can be read, written, listed and deleted")
        try:
            self._bucket.reload(timeout=CALL_S, retry=None)
        except Forbidden:
            words = "place, lifecycle and public access can't be read: that needs storage.buckets.get"
            yield Finding.skip("bucket", name, words, "ask as the operator, with roles/storage.admin")
        else:
            yield from self.examine_place(regions)
            yield from self.examine_bucket()
        yield from self.examine_signature() if self._settings.signed else ()

    def examine_place(self, regions: Set[str]) -> Iterator[Finding]:
        """Compare where the bucket is with where the models are called."""
        place = str(self._bucket.location or "an unknown place").lower()
        far = sorted(region for region in regions if not _is_near(self._bucket, place, region))
        if not far:
            yield Finding.ok("place", self._settings.bucket, f"is in {place}")
            return
        words = f"is in {place}, and Vertex AI is called in {', '.join(far)}: both must be in one place"
        create = f"gcloud storage buckets create gs://NEW --location={far[0]} --uniform-bucket-level-access"
        remedy = f"{create}; then set REELBUS_VIDEOS=gs://NEW, and run reelbus setup"
        yield Finding.wrong("place", self._settings.bucket, words, remedy)

    def examine_bucket(self) -> Iterator[Finding]:
        """Look at what an emulator does not have."""
        name = self._settings.bucket
        if self._emulated:
            words = "the emulator has no lifecycle, managed folders and permissions"
            yield Finding.skip("bucket", name, words)
            return
        update = f"gcloud storage buckets update gs://{name}"
        yield self.examine_lifecycle()
        if not self._bucket.iam_configuration.uniform_bucket_level_access_enabled:
            words = "has no uniform bucket-level access, which managed folders need"
            yield Finding.wrong("bucket", name, words, f"{update} --uniform-bucket-level-access")
        is_public = not self._settings.signed and not self._settings.base_url
        if is_public and self._bucket.iam_configuration.public_access_prevention == "enforced":
            words = "enforces public access prevention: every link answers 403"
            yield Finding.wrong("links", name, words, f"{update} --no-public-access-prevention, or use ?urls=signed")
        yield from self.examine_policy()
        for folder in (FINALS, POSTERS) if is_public else ():
            yield self.examine_folder(folder)

    def examine_lifecycle(self) -> Finding:
        """Look if files under `work/` expire, and not while a worker searches for them."""
        name = f"{self._settings.bucket}/{WORK}"
        rules = [rule for rule in self._bucket.lifecycle_rules if rule.get("action", {}).get("type") == "Delete"]
        for rule in rules:
            condition = rule.get("condition", {})
            prefixes = condition.get("matchesPrefix", [""])
            reaches_work = any(WORK.startswith(prefix) or prefix.startswith(WORK) for prefix in prefixes)
            if reaches_work and condition.get("age", WORK_KEPT_DAYS) < _SEARCHED_DAYS:
                words = f"are deleted after {condition['age']} days: paid clips are searched for 24 hours after a job"
                return Finding.wrong("lifecycle", name, words, f"let the rule wait {WORK_KEPT_DAYS} days")
        if not has_work_rule(rules):
            return Finding.wrong("lifecycle", name, "files never expire", "reelbus setup, or terraform apply")
        return Finding.ok("lifecycle", name, "files expire")

    def examine_policy(self) -> Iterator[Finding]:
        """Look at who may read the whole bucket."""
        name = self._settings.bucket
        try:
            policy = self._bucket.get_iam_policy(requested_policy_version=3, timeout=CALL_S, retry=None)
        except GoogleAPICallError:
            words = "its policy can't be read: that needs storage.buckets.getIamPolicy"
            yield Finding.skip("policy", name, words, "ask as the operator, with roles/storage.admin")
            return
        for binding in policy.bindings:
            for member in sorted(_EVERYONE & set(binding["members"])):
                words = f"{member} has {binding['role']} on all of it: callers' clips and images are public"
                remove = f"gcloud storage buckets remove-iam-policy-binding gs://{name}"
                yield Finding.wrong("policy", name, words, f"{remove} --member={member} --role={binding['role']}")
        members = [member for binding in policy.bindings for member in binding["members"]]
        if self._vertex_project and not any(member.endswith(_AGENT) for member in members):
            words = "Vertex AI's service agent has no role on it, and needs one unless the project gives it"
            member = f'--member="{agent_member(self._vertex_project, _AGENT)}" --role=roles/storage.objectUser'
            add = f"gcloud storage buckets add-iam-policy-binding gs://{name} {member}"
            yield Finding.note("policy", name, words, add)

    def examine_folder(self, folder: str) -> Finding:
        """Look if everyone may read a folder of finished files, as public links need."""
        name = f"{self._settings.bucket}/{folder}"
        path = f"/b/{quote(self._settings.bucket)}/managedFolders/{quote(folder, safe='')}/iam"
        publish = (
            f"gcloud storage managed-folders create gs://{name}; gcloud storage managed-folders "
            f"add-iam-policy-binding gs://{name} --member=allUsers --role=roles/storage.objectViewer"
        )
        try:
            policy: dict[str, Any] = self._client._connection.api_request(
                method="GET", path=path, timeout=CALL_S, retry=None
            )
        except NotFound:
            return Finding.wrong("links", name, "is no managed folder: its links answer 403", publish)
        except GoogleAPICallError:
            words = "its policy can't be read: that needs storage.managedFolders.getIamPolicy"
            return Finding.skip("links", name, words, "ask as the operator, with roles/storage.admin")
        if any("allUsers" in binding.get("members", ()) for binding in policy.get("bindings", ())):
            return Finding.ok("links", name, "is public")
        return Finding.wrong("links", name, "is not public: its links answer 403", publish)

    def examine_signature(self) -> Iterator[Finding]:
        """Sign one address, which costs nothing."""
        name = self._settings.bucket
        try:
            UrlSigner(self._client._credentials, self._settings).url(self._bucket.blob(f"{FINALS}check.mp4"))
        except Invalid as error:
            yield Finding.wrong("signing", name, one_line(error), "name a service account with &signer=")
        except (GoogleAPICallError, GoogleAuthError, OSError) as error:
            signer = self._settings.signer or self._account.name
            bind = f"gcloud iam service-accounts add-iam-policy-binding {signer} --member={member_of(self._account)}"
            remedy = f"{bind} --role=roles/iam.serviceAccountTokenCreator"
            yield Finding.wrong("signing", name, f"Google signs no address: {one_line(error)}", remedy)
        else:
            yield Finding.ok("signing", name, "an address was signed")


def _is_near(bucket: Bucket, place: str, region: str) -> bool:
    """Return True if the bucket has its files in this region."""
    regions = {*map(str.lower, bucket.data_locations or ()), *_REGIONS.get(place, ())}
    return place == region or region in regions or region.startswith(_MULTI_REGIONS.get(place, "-"))
