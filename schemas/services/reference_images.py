"""Put an inline image into the video store, and let the request name its address (the claim-check pattern).

A Firestore document holds 1 MiB, a message 10 MB, and a worker that holds images stalls its flow control. So the first
process that reads an inline image stores it. Its name is the image's digest: the same image is stored once, and a
repeated request keeps its fingerprint.

The images of a caller with a key have names of their own (`schemas.wire.caller_names`). The caller may name only what
a job of its own uses. Neither a refusal nor the time an upload takes tells whether another caller has stored an image.

Many jobs may share an image, and it is deleted with the last of them. Beside each image one empty file is stored for
each job that names it: the referrer. It is written before the image and before the job. That order protects an image
that is stored while another process deletes it. That process lists the referrers once more after the deletion, and puts
the image back if there is a new one. A referrer that comes even later is followed by the image itself.
"""

import asyncio
import base64
import binascii
import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from schemas.domain.job import Job
from schemas.domain.object_names import REFERENCE_SCHEME, REFERENCES, name_in_store, reference_name, referrer_name
from schemas.errors import Invalid, NewerRecord, NotFound
from schemas.ports import JobStore, StoredFile, VideoStore
from schemas.services.image_header import image_kind
from schemas.services.stored_file import read_stored_file
from schemas.wire.caller_names import image_digest
from schemas.wire.media_types import IMAGES
from schemas.wire.request import IMAGE_MAX_BYTES, INLINE_IMAGE_MAX_BYTES_ON_BUS, VideoRequest

JOB_FOLLOWS_WITHIN = timedelta(hours=1)
"""A job that does not exist so long after its referrer was stored will never exist."""
_LOOKED_AT = 50
"""How many referrers are read, the newest first."""
IMAGE_TYPES = {extension: IMAGES[extension] for extension in ("png", "jpg", "webp")}
"""By the extension of the stored name."""


async def add_reference(request: VideoRequest, videos: VideoStore) -> None:
    """Store the referrer of this job, if the image that it names is in our store."""
    image = name_in_store(request.reference_image)
    if image:
        await videos.put(referrer_name(image, request.job_id), b"", content_type="text/plain")


async def is_used_by(caller: str, image: str, jobs: JobStore, videos: VideoStore) -> bool:
    """True if a job of this caller uses the image. An unused image takes as long as one of another caller."""
    files = sorted(await _referrers(image, videos), key=lambda file: file.stored_at, reverse=True)[:_LOOKED_AT]
    names = [file.name for file in files] or [referrer_name(image, "none")]
    found = await asyncio.gather(*(jobs.get(name.rpartition("/")[2]) for name in names))
    return any(job and job.caller == caller and not job.erased_at for job in found)


async def undo_reference(request: VideoRequest, known: Job, jobs: JobStore, videos: VideoStore, at: datetime) -> None:
    """Release the image of a request that became no job, since the job `known` has its id."""
    if known.erased_at or known.request.reference_image != request.reference_image:
        await release_reference(request, jobs, videos, at)


async def release_reference(request: VideoRequest, jobs: JobStore, videos: VideoStore, at: datetime) -> bool:
    """Delete the job's referrer, and the image unless another job uses it. Return False if that can't be told yet."""
    image = name_in_store(request.reference_image)
    if image is None:
        return True
    await videos.delete(referrer_name(image, request.job_id))
    used = await _is_used(image, jobs, videos, at)
    return await _delete(image, videos) if used is False else used is True


async def _is_used(image: str, jobs: JobStore, videos: VideoStore, at: datetime) -> bool | None:
    """True if a job uses the image; None if a job may be about to. Deletes the referrers of jobs that don't."""
    for file in await _referrers(image, videos):
        try:
            job = await jobs.get(file.name.rpartition("/")[2])
        except NewerRecord:
            return True  # a worker of a newer version decides about that job and its image
        if job is None and file.stored_at > at - JOB_FOLLOWS_WITHIN:
            return None
        if job and job.erased_at is None:
            return True
        await videos.delete(file.name)
    return False


async def _delete(image: str, videos: VideoStore) -> bool:
    """Delete the image. Return False if a job named it meanwhile: then the image stays stored."""
    try:
        content = await read_stored_file(videos, image)
    except NotFound:
        return True
    if await _referrers(image, videos):
        return False
    await videos.delete(image)
    if not await _referrers(image, videos):
        return True
    await videos.put(image, content, content_type=IMAGE_TYPES[image.rpartition(".")[2]])
    return False


async def _referrers(image: str, videos: VideoStore) -> list[StoredFile]:
    return list(await videos.list(referrer_name(image, "")))


_NOT_STORED = "reference_image names no image that was stored before"
_DIGEST = re.compile(r"[0-9a-f]{64}")
_STORED = re.compile(rf"{_DIGEST.pattern}\.(?:{'|'.join(IMAGE_TYPES)})")


@dataclass(frozen=True, slots=True)
class ImageOwner:
    """A caller with a key, and the records that say which images its jobs use."""

    caller: str
    jobs: JobStore
    known: Collection[str] = ()
    """References of a record of this caller. The images are its own, also before a job uses them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StagedImage:
    """A request that names its image by its address, and the image itself if the request brought it."""

    request: VideoRequest
    image: bytes | None = None
    must_be_there: bool = False
    """True if the image must be stored already, since the request did not bring it."""
    other_names: tuple[str, ...] = ()
    """How the same request may name the same image in an earlier job of this caller."""

    @property
    def name(self) -> str | None:
        """The name of the image in our store, stored or not yet."""
        return name_in_store(self.request.reference_image)

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """The fingerprints that an earlier job for this request may have, the request's own first."""
        others = (_with_image(self.request, name) for name in self.other_names)
        return tuple(dict.fromkeys(request.fingerprint() for request in (self.request, *others)))

    def is_for(self, job: Job) -> bool:
        """True if the job was made for this same request."""
        return job.fingerprint in self.fingerprints


async def claim_image(request: VideoRequest, videos: VideoStore, *, from_bus: bool = False) -> VideoRequest:
    """Store the image, and return the request that names it.

    Raises `Invalid` for a file that is no image, is too large, or can't be read from here.
    """
    claim = await store_image(await stage_image(request, videos, from_bus=from_bus), videos)
    return claim.request


async def stage_image(
    request: VideoRequest, videos: VideoStore, *, from_bus: bool = False, owner: ImageOwner | None = None
) -> StagedImage:
    """Check the image and name it. Nothing is written.

    Raises `Invalid` as `claim_image` does, and with an `owner` also for a stored image that none of its jobs uses.
    """
    reference = request.reference_image
    if reference is None:
        return StagedImage(request=request)
    if not reference.startswith(("data:", REFERENCE_SCHEME)):
        readable = tuple(videos.reads)
        if not reference.startswith(readable):
            where = f"; here it may be under {' or '.join(sorted(readable))}" if readable else ""
            words = f"reference_image can't be read from {reference[:300]}{where}; or send it as a data: URL"
            raise Invalid(words, field="reference_image")
    if owner and (name := _name_in_our_store(reference, videos.reads)):
        return await _open_stored(request, name, videos, owner)
    if reference.startswith(REFERENCE_SCHEME):
        # The publisher of a message from the bus has mostly stored it. If it is missing, the job fails and names it.
        return StagedImage(request=request, must_be_there=not from_bus)
    if not reference.startswith("data:"):
        return StagedImage(request=request)
    limit = INLINE_IMAGE_MAX_BYTES_ON_BUS if from_bus else IMAGE_MAX_BYTES
    image, digest, extension = await asyncio.to_thread(_decode_image, reference, limit)
    name, plain = (
        REFERENCE_SCHEME + reference_name(image_digest(caller, digest), extension)
        for caller in (owner.caller if owner else None, None)
    )
    return StagedImage(request=_with_image(request, name), image=image, other_names=(plain,) if owner else ())


async def _open_stored(request: VideoRequest, name: str, videos: VideoStore, owner: ImageOwner) -> StagedImage:
    """Find an image by the digest of what the owner sent, or by the name that it has in messages."""
    digest, _, extension = name.removeprefix(REFERENCES).partition(".")
    own = reference_name(image_digest(owner.caller, digest), extension)
    is_own = bool(await videos.list(own))
    is_known = REFERENCE_SCHEME + name in owner.known
    if not is_own and not is_known and not await is_used_by(owner.caller, name, owner.jobs, videos):
        raise Invalid(_NOT_STORED, field="reference_image")
    names = (REFERENCE_SCHEME + own, REFERENCE_SCHEME + name, request.reference_image or "")
    chosen = names[0 if is_own else 1]
    return StagedImage(request=_with_image(request, chosen), must_be_there=True, other_names=names)


def _with_image(request: VideoRequest, reference: str) -> VideoRequest:
    return request.model_copy(update={"reference_image": reference})


def _name_in_our_store(reference: str, reads: Collection[str]) -> str | None:
    """Return the stored image that a reference names, also by its address in our bucket; None for another file.

    Raises `Invalid` for an address that begins like a stored image's and is none.
    """
    if name := name_in_store(reference):
        return name
    ours = next((start for start in reads if start.endswith(f"/{REFERENCES}") and reference.startswith(start)), None)
    name = reference.removeprefix(ours) if ours else ""
    if not _DIGEST.match(name):
        return None
    if not _STORED.fullmatch(name):
        raise Invalid(_NOT_STORED, field="reference_image")
    return REFERENCES + name


async def store_image(claim: StagedImage, videos: VideoStore) -> StagedImage:
    """Store the referrer of the job and then the image: the docstring of this module says why in this order.

    Return the claim without the image, which is large.
    """
    name = claim.name
    if name is None:
        return claim
    await add_reference(claim.request, videos)
    if claim.image is not None:
        await videos.put(name, claim.image, content_type=IMAGE_TYPES[name.rpartition(".")[2]])
    else:
        try:
            await check_stored(claim, videos)
        except Invalid:
            await videos.delete(referrer_name(name, claim.request.job_id))
            raise
    return replace(claim, image=None)


async def check_stored(claim: StagedImage, videos: VideoStore) -> None:
    """Raise `Invalid` if the request names a stored image that is not there."""
    if claim.must_be_there and claim.name and not await videos.list(claim.name):
        raise Invalid(_NOT_STORED, field="reference_image")


def _decode_image(reference: str, limit: int) -> tuple[bytes, str, str]:
    """Return the image of a data: URL, its digest, and the extension that fits it."""
    encoded = reference.partition(",")[2]
    if len(encoded) * 3 // 4 > limit + 2:
        raise Invalid(f"reference_image must have at most {limit:,} bytes", field="reference_image")
    try:
        image = base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise Invalid("reference_image must be valid base64", field="reference_image") from error
    return image, hashlib.sha256(image).hexdigest(), image_kind(image)
