"""Files on their way to a bucket and back: whole and undamaged, or not at all.

Each upload names its CRC32C, and Cloud Storage refuses what does not fit. What it says it has stored is compared with
what was sent once more, since not every server compares, and a proxy may change bytes on the way.
"""

import base64
import io
import logging
import secrets
from pathlib import Path
from typing import Any

import google_crc32c
from google.api_core import exceptions as api
from google.cloud.storage import Blob
from google.cloud.storage.exceptions import DataCorruption
from google.cloud.storage.retry import DEFAULT_RETRY

from infra.atomic_file import write_atomically
from schemas.errors import DISK_ERRNOS, NotFound, Unavailable, unavailable_of

log = logging.getLogger(__name__)

TIMEOUT_S = (5, 60)
"""To connect, and between two bytes."""
RETRY = DEFAULT_RETRY.with_timeout(60)
"""Every call here may be repeated: uploads go with a precondition, and deleting twice is deleting."""
_WRITER = "reelbus-write"
"""Metadata: which `upload` wrote it."""
_SENT = "reelbus-crc32c"
"""Metadata: the checksum of what was sent. What was stored has another one if it was damaged on its way."""
_BLOCK_BYTES = 1 << 20


def upload(blob: Blob, source: Path | bytes, content_type: str) -> bool:
    """Store if absent; False if the name is taken. Blocks. Raises `Unavailable`, also for what was damaged."""
    writer, sent = secrets.token_hex(8), _checksum_of(source)
    blob.metadata = {_WRITER: writer, _SENT: sent}
    try:
        _send(blob, source, content_type=content_type, if_generation_match=0)
    except api.PreconditionFailed:
        there = blob.bucket.get_blob(blob.name, timeout=TIMEOUT_S, retry=RETRY)
        claims = (there.metadata or {}) if there else {}
        if there is None or _WRITER not in claims:
            return False
        # If it is our own, the answer to the first try got lost. A damaged one of a worker that died is no use.
        _require_undamaged(there, claims.get(_SENT, there.crc32c))
        return bool(claims[_WRITER] == writer)
    except DataCorruption as error:
        raise _damaged(blob) from error
    except api.BadRequest as error:
        if "crc32c" in str(error).lower() or "md5" in str(error).lower():
            raise _damaged(blob) from error
        raise
    _require_undamaged(blob, sent)
    return True


def download(blob: Blob, to: Path) -> None:
    """Fetch a file. Blocks. Raises `NotFound`, `LocalDisk` and `Unavailable`."""
    try:
        with write_atomically(to) as part:
            blob.download_to_filename(str(part), checksum="crc32c", timeout=TIMEOUT_S, retry=RETRY)
            # The checksum of a compressed object is that of its compressed bytes.
            if blob.content_encoding != "gzip" and _stored_checksum(blob) not in (None, _checksum_of(part)):
                raise Unavailable(f"{blob.name} was damaged on its way from Cloud Storage")
    except api.NotFound as error:
        raise NotFound(f"there is no file {blob.name}") from error
    except DataCorruption as error:
        raise Unavailable(f"{blob.name} was damaged on its way from Cloud Storage") from error
    except OSError as error:
        if error.errno not in DISK_ERRNOS:
            raise
        raise unavailable_of("the scratch folder", error) from error


def _send(blob: Blob, source: Path | bytes, **how: Any) -> None:
    how |= {"checksum": "crc32c", "timeout": TIMEOUT_S, "retry": RETRY}
    if isinstance(source, bytes):
        blob.upload_from_string(source, **how)
    else:
        blob.upload_from_filename(str(source), **how)


def _require_undamaged(blob: Blob, sent: str | None) -> None:
    """Compare what is stored with what was sent; delete what is damaged, and nothing that took its name since."""
    stored = _stored_checksum(blob)
    if stored is None:
        content = blob.download_as_bytes(checksum="crc32c", timeout=TIMEOUT_S, retry=RETRY)
        stored = _checksum_of(content)
    if sent in (None, stored):
        return
    log.error("a damaged upload is deleted", extra={"action": "upload_damaged", "object": blob.name})
    try:
        blob.delete(if_generation_match=blob.generation, timeout=TIMEOUT_S, retry=RETRY)
    except (api.NotFound, api.PreconditionFailed):
        log.info("it was deleted already", extra={"action": "upload_deleted", "object": blob.name})
    raise _damaged(blob)


def _stored_checksum(blob: Blob) -> str | None:
    """What the server says of the object that was sent or fetched; None if it says nothing."""
    if blob.crc32c is None:
        blob.reload(timeout=TIMEOUT_S, retry=RETRY)
    return str(blob.crc32c) if blob.crc32c else None


def _checksum_of(source: Path | bytes) -> str:
    checksum = 0
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            checksum = google_crc32c.extend(checksum, block)
    return base64.b64encode(checksum.to_bytes(4, "big")).decode()


def _damaged(blob: Blob) -> Unavailable:
    return Unavailable(f"{blob.name} was damaged on its way to Cloud Storage, and is not kept")
