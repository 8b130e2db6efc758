"""Uploads files to a bucket and downloads them: complete and undamaged, or not at all.

Each upload names its CRC32C, and Cloud Storage refuses a file that does not match. The checksum of the stored file is
compared once more with that of the sent file: not every server compares, and a proxy may change bytes.
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

logger = logging.getLogger(__name__)

TIMEOUT_S = (5, 60)
"""The limits for connecting, and for the pause between two bytes."""
RETRY = DEFAULT_RETRY.with_timeout(60)
"""Every call here may be repeated: an upload has a precondition, and a second deletion changes nothing."""
_WRITER = "reelbus-write"
"""Metadata: the id of the `upload` call that wrote the file."""
_SENT = "reelbus-crc32c"
"""Metadata: the checksum of the sent file. The stored file has another one if it was damaged in transit."""
_BLOCK_BYTES = 1 << 20


def upload(blob: Blob, source: Path | bytes, content_type: str) -> bool:
    """Store a file if its name is free; return False if it is taken. Blocks. Raises `Unavailable`, also for a damaged
    upload."""
    writer, sent = secrets.token_hex(8), _checksum_of(source)
    blob.metadata = {_WRITER: writer, _SENT: sent}
    try:
        _send(blob, source, content_type=content_type, if_generation_match=0)
    except api.PreconditionFailed:
        stored = blob.bucket.get_blob(blob.name, timeout=TIMEOUT_S, retry=RETRY)
        metadata = (stored.metadata or {}) if stored else {}
        if stored is None or _WRITER not in metadata:
            return False
        # If this call wrote it, the answer to the first try was lost. A damaged file of a killed worker is deleted.
        _require_undamaged(stored, metadata.get(_SENT, stored.crc32c))
        return bool(metadata[_WRITER] == writer)
    except DataCorruption as error:
        raise _damage_error(blob) from error
    except api.BadRequest as error:
        if "crc32c" in str(error).lower() or "md5" in str(error).lower():
            raise _damage_error(blob) from error
        raise
    _require_undamaged(blob, sent)
    return True


def download(blob: Blob, to: Path) -> None:
    """Download a file. Blocks. Raises `NotFound`, `LocalDisk` and `Unavailable`."""
    try:
        with write_atomically(to) as part:
            blob.download_to_filename(str(part), checksum="crc32c", timeout=TIMEOUT_S, retry=RETRY)
            # The checksum of a compressed object is that of its compressed bytes.
            if blob.content_encoding != "gzip" and _server_checksum(blob) not in (None, _checksum_of(part)):
                raise Unavailable(f"{blob.name} was damaged on its way from Cloud Storage")
    except api.NotFound as error:
        raise NotFound(f"there is no file {blob.name}") from error
    except DataCorruption as error:
        raise Unavailable(f"{blob.name} was damaged on its way from Cloud Storage") from error
    except OSError as error:
        if error.errno not in DISK_ERRNOS:
            raise
        raise unavailable_of("the scratch folder", error) from error


def _send(blob: Blob, source: Path | bytes, **options: Any) -> None:
    options |= {"checksum": "crc32c", "timeout": TIMEOUT_S, "retry": RETRY}
    if isinstance(source, bytes):
        blob.upload_from_string(source, **options)
    else:
        blob.upload_from_filename(str(source), **options)


def _require_undamaged(blob: Blob, sent: str | None) -> None:
    """Compare the stored file with the checksum of the sent one.

    Delete a damaged file, but no later file of its name.
    """
    stored = _server_checksum(blob)
    if stored is None:
        content = blob.download_as_bytes(checksum="crc32c", timeout=TIMEOUT_S, retry=RETRY)
        stored = _checksum_of(content)
    if sent in (None, stored):
        return
    logger.error("a damaged upload is deleted", extra={"action": "upload_damaged", "object": blob.name})
    try:
        blob.delete(if_generation_match=blob.generation, timeout=TIMEOUT_S, retry=RETRY)
    except (api.NotFound, api.PreconditionFailed):
        logger.info("the damaged upload was deleted already", extra={"action": "upload_deleted", "object": blob.name})
    raise _damage_error(blob)


def _server_checksum(blob: Blob) -> str | None:
    """Return the server's checksum of the object; None if the server names none."""
    if blob.crc32c is None:
        blob.reload(timeout=TIMEOUT_S, retry=RETRY)
    return str(blob.crc32c) if blob.crc32c else None


def _checksum_of(source: Path | bytes) -> str:
    checksum = 0
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            checksum = google_crc32c.extend(checksum, block)
    return base64.b64encode(checksum.to_bytes(4, "big")).decode()


def _damage_error(blob: Blob) -> Unavailable:
    return Unavailable(f"{blob.name} was damaged on its way to Cloud Storage, and is not kept")
