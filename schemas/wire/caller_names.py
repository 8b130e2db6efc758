"""Names that belong to one caller: the ids of its jobs, and the digests of its stored images.

Callers choose their ids, and two callers may choose the same one. The stored id has a digest of the caller and its id,
so that each has a job of its own: in every store, on the bus and in the names of files.

An id is stored unchanged if its caller has no key, or if the facade made it. The release before stored all ids
unchanged, and `publisher.context` finds those too.

The functions are pure: every process computes the same names, and needs no table.
"""

import base64
import hashlib

from schemas.wire.types import JOB_ID_MAX

DIGEST_LENGTH = 16
"""80 bits in base32. A collision gives a 409 and shows nothing: the caller in the record decides who sees a job."""
REVERSIBLE_MAX = JOB_ID_MAX - 1 - DIGEST_LENGTH
"""Ids up to this length can be read from the stored id. The caller of a longer id is shown the stored id."""
_WHOLE = 52
"""256 bits in base32."""


def to_stored_id(caller: str | None, job_id: str) -> str:
    """Return the id under which a caller's job is stored: `order-1-<digest>`.

    A long id is cut, and gets a longer digest.
    """
    if caller is None:
        return job_id
    digest = _digest("job", caller, job_id)
    if len(job_id) <= REVERSIBLE_MAX:
        return f"{job_id}-{digest[:DIGEST_LENGTH]}"
    return f"{job_id[: JOB_ID_MAX - 1 - _WHOLE]}-{digest}"


def to_shown_id(caller: str | None, stored: str) -> str:
    """Return the id that this caller chose for its job; the stored id if the chosen one can't be read from it."""
    chosen = stored[: -1 - DIGEST_LENGTH]
    return chosen if caller is not None and chosen and to_stored_id(caller, chosen) == stored else stored


def image_digest(caller: str | None, digest: str) -> str:
    """Return the digest that names a caller's stored image. Another caller's image of the same content has another."""
    if caller is None:
        return digest
    return hashlib.sha256(_text("image", caller, digest)).hexdigest()


def _digest(kind: str, caller: str, name: str) -> str:
    """Return 256 bits in small letters and digits: labels at Google allow no capitals."""
    whole = hashlib.sha256(_text(kind, caller, name)).digest()
    return base64.b32encode(whole).decode().rstrip("=").lower()


def _text(kind: str, caller: str, name: str) -> bytes:
    return "\0".join(("reelbus", kind, caller, name)).encode()
