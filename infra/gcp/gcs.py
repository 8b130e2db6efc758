"""The video store in a Cloud Storage bucket.

The client blocks, so that everything goes through a few threads of its own. It follows `STORAGE_EMULATOR_HOST` by
itself.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from google.api_core import exceptions as api
from google.cloud.storage import Blob, Client

from infra.gcp.gcs_bucket import check_bucket
from infra.gcp.gcs_settings import BucketSettings
from infra.gcp.gcs_transfer import RETRY, TIMEOUT_S, download, upload
from infra.gcp.gcs_urls import UrlSigner, public_url
from infra.gcp.translate import translated
from schemas.errors import Invalid, NotFound, Unavailable
from schemas.names import FINALS, REFERENCES, is_safe
from schemas.ports import StoredFile
from schemas.request import IMAGE_MAX_BYTES

T = TypeVar("T")
_THREADS = 8


_REFUSED = re.compile(r'"code": ?40[0-9]')
"""Google's word on a signature, in what its client library raises."""


class GcsVideos:
    """`VideoStore` in one bucket."""

    def __init__(self, settings: BucketSettings) -> None:
        """Opens no connection, but looks for credentials: raises `Unavailable` where there are none, and `Invalid` for
        some that can't do what the settings ask of them."""
        with translated("Cloud Storage"):
            self._client = Client(project=None)
        self._settings = settings
        self._signer = UrlSigner(self._client._credentials, settings) if settings.signed else None
        self._bucket = self._client.bucket(settings.bucket)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="gcs")

    @property
    def reads(self) -> frozenset[str]:
        others = self._settings.reference_buckets - {self._settings.bucket}
        ours = f"gs://{self._settings.bucket}/{REFERENCES}"  # what else lies there is some caller's video
        return frozenset({ours, *(f"gs://{bucket}/" for bucket in others)})

    async def put(self, name: str, source: Path | bytes, *, content_type: str) -> bool:
        return await self._in_thread(partial(upload, self._blob(name), source, content_type))

    async def fetch(self, name: str, to: Path) -> None:
        if name.startswith(tuple(self.reads)):
            await self._in_thread(partial(_fetch_image, Blob.from_uri(name, client=self._client), to))
        else:
            await self._in_thread(partial(download, self._blob(name), to))

    async def list(self, prefix: str) -> Sequence[StoredFile]:
        if not is_safe(f"{prefix}x"):
            raise _unsafe(prefix)
        return await self._in_thread(partial(self._list, prefix))

    async def delete(self, name: str) -> None:
        await self._in_thread(partial(_delete, self._blob(name)))

    async def url_for(self, name: str) -> str:
        blob = self._blob(name)
        if self._signer:
            return await self._in_thread(partial(self._signer.url, blob))
        return public_url(self._client, self._settings, name)

    async def check(self) -> None:
        """Try what a finished job will need: the bucket, access to it, a signature. Raises `Invalid` for what will not
        work then either, and `Unavailable`."""
        await self._in_thread(partial(check_bucket, self._bucket))
        if self._signer:
            try:
                await self.url_for(f"{FINALS}check.mp4")
            except Unavailable as error:
                if not _REFUSED.search(str(error)):
                    raise
                raise Invalid(f"REELBUS_VIDEOS: URLs can't be signed: {error}", field="REELBUS_VIDEOS") from error

    async def close(self) -> None:
        """Waits for what is under way."""
        await asyncio.to_thread(self._threads.shutdown)
        self._client.close()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        with translated("Cloud Storage"):
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _blob(self, name: str) -> Blob:
        if not is_safe(name):
            raise _unsafe(name)
        return self._bucket.blob(name)

    def _list(self, prefix: str) -> Sequence[StoredFile]:
        found = self._client.list_blobs(self._bucket, prefix=prefix, timeout=TIMEOUT_S, retry=RETRY)
        return sorted((_stored(blob) for blob in found if is_safe(blob.name)), key=lambda file: file.name)


def _fetch_image(blob: Blob, to: Path) -> None:
    """From a bucket in which files may be of any size."""
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


def _stored(blob: Blob) -> StoredFile:
    return StoredFile(name=blob.name, size_bytes=int(blob.size), stored_at=blob.time_created)


def _unsafe(name: str) -> Invalid:
    return Invalid(f"{name[:200]!r} is no name for a file in the video store", field="name")
