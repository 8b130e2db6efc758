"""Names that belong to one caller: the ids of its jobs, and the digests of its stored images.

Callers choose their ids, and two of them may choose the same. The id that is stored carries a digest of the caller and
its id, so that both have a job of their own, on every store, on the bus and in the names of files.

An id is stored as it is if its caller has no key, or if the facade made it. The release before stored all ids as they
were, and `publisher.context` finds those, too.

All of it is pure: every process computes the same names, and none has to be looked up.
"""

import base64
import hashlib

from schemas.wire.types import JOB_ID_MAX

_MARK = 16
"""80 bits in base32. The caller in the record decides who sees a job; a collision would be a 409, and show nothing."""
REVERSIBLE_MAX = JOB_ID_MAX - 1 - _MARK
"""Ids up to this length can be told from the stored one; for a longer one its caller is shown the stored id."""
_WHOLE = 52
"""256 bits in base32."""


def to_stored_id(caller: str | None, job_id: str) -> str:
    """The id under which a caller's job is stored: `order-1-<digest>`; a long id is cut, and gets a longer digest."""
    if caller is None:
        return job_id
    digest = _digest("job", caller, job_id)
    if len(job_id) <= REVERSIBLE_MAX:
        return f"{job_id}-{digest[:_MARK]}"
    return f"{job_id[: JOB_ID_MAX - 1 - _WHOLE]}-{digest}"


def to_shown_id(caller: str | None, stored: str) -> str:
    """The id that this caller chose for its stored job; the stored one where that can't be told from it."""
    chosen = stored[: -1 - _MARK]
    return chosen if caller is not None and chosen and to_stored_id(caller, chosen) == stored else stored


def image_digest(caller: str | None, digest: str) -> str:
    """What names a caller's stored image: nobody else's image has that name, not even one of the same content."""
    if caller is None:
        return digest
    return hashlib.sha256(_text("image", caller, digest)).hexdigest()


def _digest(kind: str, caller: str, name: str) -> str:
    """In small letters and digits: labels at Google know no capitals."""
    whole = hashlib.sha256(_text(kind, caller, name)).digest()
    return base64.b32encode(whole).decode().rstrip("=").lower()


def _text(kind: str, caller: str, name: str) -> bytes:
    return "\0".join(("reelbus", kind, caller, name)).encode()
