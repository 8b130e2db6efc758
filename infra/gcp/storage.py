"""The video store in a Cloud Storage bucket, and the public or signed URLs of its files.

The client library blocks, so every call runs in one of a few threads. The library reads `STORAGE_EMULATOR_HOST` itself.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from google.api_core import exceptions as api
from google.auth.credentials import Credentials, Scoped, Signing
from google.auth.transport.requests import Request
from google.cloud.storage import Blob, Client

from infra.gcp.errors import translate_errors
from infra.gcp.gcs_transfer import RETRY, TIMEOUT_S, download, upload
from infra.gcp.settings import BucketSettings
from infra.gcp.setup import check_bucket
from schemas.domain.object_names import FINALS, REFERENCES, is_safe
from schemas.errors import Invalid, NotFound, Unavailable
from schemas.ports import StoredFile
from schemas.wire.request import IMAGE_MAX_BYTES

T = TypeVar("T")

PUBLIC = "https://storage.googleapis.com"
_THREADS = 8
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
"""The scope of the token for `signBlob`: the storage client's own scope does not allow it."""
_REFUSED = re.compile(r'"code": ?40[0-9]')
"""The status with which Google refuses to sign, in the text of the client library's error."""


def public_url(client: Client, settings: BucketSettings, name: str) -> str:
    """Build the public URL of a file, without a request. With an emulator it is a URL of the emulator."""
    base = settings.base_url or f"{client.api_endpoint or PUBLIC}/{settings.bucket}"
    return f"{base}/{quote(name)}"


class UrlSigner:
    """Signs URLs with the key of the credentials, or has Google sign for a service account.

    Google signs with the IAM API's `signBlob`. For that the credentials need the role
    `roles/iam.serviceAccountTokenCreator` on the service account, which may be their own
    (https://cloud.google.com/storage/docs/access-control/signing-urls-with-helpers).
    """

    def __init__(self, credentials: Credentials, settings: BucketSettings) -> None:
        """Raise `Invalid` for credentials that can't sign, without a request."""
        self._ttl = timedelta(seconds=settings.ttl_s)
        self._signer = settings.signer
        self._has_key = isinstance(credentials, Signing) and not self._signer
        if not (self._has_key or self._signer or getattr(credentials, "service_account_email", None)):
            raise Invalid(
                f"REELBUS_VIDEOS: these credentials ({type(credentials).__name__}) can't sign URLs. Use a service "
                "account, name one that may sign for them (?urls=signed&signer=NAME@PROJECT.iam.gserviceaccount.com, "
                "with the role roles/iam.serviceAccountTokenCreator on it), or leave ?urls=signed out.",
                field="REELBUS_VIDEOS",
            )
        self._credentials: Any = credentials
        if isinstance(credentials, Scoped):
            self._credentials = credentials.with_scopes([_SCOPE])  # type: ignore[no-untyped-call]

    def url(self, blob: Blob) -> str:
        """Sign the URL of a file. Blocks: without a key this takes a request, and perhaps one for a token."""
        account = {} if self._has_key else self._account()
        return str(blob.generate_signed_url(version="v4", method="GET", expiration=self._ttl, **account))

    def _account(self) -> dict[str, Any]:
        if not self._credentials.valid:
            self._credentials.refresh(Request())
        email = self._signer or self._credentials.service_account_email
        if email == "default":
            raise Unavailable("The metadata server did not name the service account that has to sign URLs")
        return {"service_account_email": email, "access_token": self._credentials.token}


class GcsVideos:
    """`VideoStore` in one bucket."""

    def __init__(self, settings: BucketSettings) -> None:
        """Look for credentials, without opening a connection. Raises `Unavailable` if there are none, and `Invalid` if
        they can't sign URLs although the settings ask for it."""
        with translate_errors("Cloud Storage"):
            self._client = Client(project=None)
        self._settings = settings
        self._signer = UrlSigner(self._client._credentials, settings) if settings.signed else None
        self._bucket = self._client.bucket(settings.bucket)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="gcs")

    @property
    def reads(self) -> frozenset[str]:
        own = f"gs://{self._settings.bucket}/{REFERENCES}"  # other objects of this bucket are callers' videos
        return frozenset(
            {own, *(f"gs://{name}/" for name in self._settings.reference_buckets - {self._settings.bucket})}
        )

    async def put(self, name: str, source: Path | bytes, *, content_type: str) -> bool:
        return await self._in_thread(partial(upload, self._blob(name), source, content_type))

    async def fetch(self, name: str, to: Path) -> None:
        if name.startswith(tuple(self.reads)):
            await self._in_thread(partial(_download_image, Blob.from_uri(name, client=self._client), to))
        else:
            await self._in_thread(partial(download, self._blob(name), to))

    async def list(self, prefix: str) -> Sequence[StoredFile]:
        if not is_safe(f"{prefix}x"):
            raise _unsafe_name(prefix)
        return await self._in_thread(partial(self._list, prefix))

    async def delete(self, name: str) -> None:
        await self._in_thread(partial(_delete, self._blob(name)))

    async def url_for(self, name: str) -> str:
        blob = self._blob(name)
        if self._signer:
            return await self._in_thread(partial(self._signer.url, blob))
        return public_url(self._client, self._settings, name)

    async def check(self) -> None:
        """Try what a finished job will need: the bucket, access to it, a signature.

        Raises `Invalid` if it can't work with these settings, and `Unavailable` if it does not work at the moment.
        """
        await self._in_thread(partial(check_bucket, self._bucket))
        if self._signer:
            try:
                await self.url_for(f"{FINALS}check.mp4")
            except Unavailable as error:
                if not _REFUSED.search(str(error)):
                    raise
                raise Invalid(f"REELBUS_VIDEOS: URLs can't be signed: {error}", field="REELBUS_VIDEOS") from error

    async def aclose(self) -> None:
        """Wait for the calls under way, then close the client."""
        await asyncio.to_thread(self._threads.shutdown)
        self._client.close()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        with translate_errors("Cloud Storage"):
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _blob(self, name: str) -> Blob:
        if not is_safe(name):
            raise _unsafe_name(name)
        return self._bucket.blob(name)

    def _list(self, prefix: str) -> Sequence[StoredFile]:
        blobs = self._client.list_blobs(self._bucket, prefix=prefix, timeout=TIMEOUT_S, retry=RETRY)
        files = (
            StoredFile(name=blob.name, size_bytes=int(blob.size), stored_at=blob.time_created)
            for blob in blobs
            if is_safe(blob.name)
        )
        return sorted(files, key=lambda file: file.name)


def _download_image(blob: Blob, to: Path) -> None:
    """Download a reference image, from a bucket in which files may have any size."""
    try:
        blob.reload(timeout=TIMEOUT_S, retry=RETRY)
    except api.NotFound as error:
        raise NotFound(f"there is no file gs://{blob.bucket.name}/{blob.name}") from error
    if blob.size > IMAGE_MAX_BYTES:
        raise Invalid(f"must have at most {IMAGE_MAX_BYTES:,} bytes, not {blob.size:,}", field="reference_image")
    download(blob, to)


def _delete(blob: Blob) -> None:
    try:
        blob.delete(timeout=TIMEOUT_S, retry=RETRY)
    except api.NotFound:
        return


def _unsafe_name(name: str) -> Invalid:
    return Invalid(f"{name[:200]!r} is no name for a file in the video store", field="name")
