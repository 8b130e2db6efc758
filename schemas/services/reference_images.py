"""Put inline images into the video store, and let the request name their addresses (the claim-check pattern).

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
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
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


def _names_in_store(request: VideoRequest) -> tuple[str, ...]:
    """Return the images of the request that are in our store, each once."""
    names = (name_in_store(image) for image in request.images.values())
    return tuple(dict.fromkeys(name for name in names if name))


async def add_reference(request: VideoRequest, videos: VideoStore) -> None:
    """Store the referrers of this job, one for each image of our store that it names."""
    for image in _names_in_store(request):
        await videos.put(referrer_name(image, request.job_id), b"", content_type="text/plain")


async def is_used_by(caller: str, image: str, jobs: JobStore, videos: VideoStore) -> bool:
    """True if a job of this caller uses the image. An unused image takes as long as one of another caller."""
    files = sorted(await _referrers(image, videos), key=lambda file: file.stored_at, reverse=True)[:_LOOKED_AT]
    names = [file.name for file in files] or [referrer_name(image, "none")]
    found = await asyncio.gather(*(jobs.get(name.rpartition("/")[2]) for name in names))
    return any(job and job.caller == caller and not job.erased_at for job in found)


async def undo_reference(request: VideoRequest, known: Job, jobs: JobStore, videos: VideoStore, at: datetime) -> None:
    """Release the images of a request that became no job, since the job `known` has its id."""
    used = () if known.erased_at else _names_in_store(known.request)
    for image in _names_in_store(request):
        if image not in used:
            await _release(image, request.job_id, jobs, videos, at)


async def release_reference(request: VideoRequest, jobs: JobStore, videos: VideoStore, at: datetime) -> bool:
    """Delete the job's referrers, and each image unless another job uses it.

    Return False if that can't be told yet of one of them.
    """
    released = [await _release(image, request.job_id, jobs, videos, at) for image in _names_in_store(request)]
    return all(released)


async def _release(image: str, job_id: str, jobs: JobStore, videos: VideoStore, at: datetime) -> bool:
    await videos.delete(referrer_name(image, job_id))
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
    """A request that names its images by their addresses, and the images themselves if the request brought them."""

    request: VideoRequest
    images: Mapping[str, bytes] = field(default_factory=dict)
    """By the names in our store."""
    expected: Mapping[str, str] = field(default_factory=dict)
    """The names of images that must be stored already, since the request did not bring them, with their fields."""
    other_names: tuple[str, ...] = ()
    """How the same request may name the same `reference_image` in an earlier job of this caller.

    Other fields have one name for an image: no release that names images otherwise knows them.
    """

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the images in our store, stored or not yet."""
        return _names_in_store(self.request)

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """The fingerprints that an earlier job for this request may have, the request's own first."""
        others = (self.request.model_copy(update={"reference_image": name}) for name in self.other_names)
        return tuple(dict.fromkeys(request.fingerprint() for request in (self.request, *others)))

    def is_for(self, job: Job) -> bool:
        """True if the job was made for this same request."""
        return job.fingerprint in self.fingerprints

    def without_images(self, names: Collection[str]) -> "StagedImage":
        """Return the same request without these images, which were stored with another one."""
        return replace(self, images={name: image for name, image in self.images.items() if name not in names})


@dataclass(frozen=True, kw_only=True, slots=True)
class _NamedImage:
    """One image with its address."""

    reference: str
    content: bytes | None = None
    is_expected: bool = False
    other_names: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name in our store; the address of an image that is elsewhere."""
        return name_in_store(self.reference) or self.reference


async def claim_image(request: VideoRequest, videos: VideoStore, *, from_bus: bool = False) -> VideoRequest:
    """Store the images, and return the request that names them.

    Raises `Invalid` for a file that is no image, is too large, or can't be read from here.
    """
    claim = await store_image(await stage_image(request, videos, from_bus=from_bus), videos)
    return claim.request


async def stage_image(
    request: VideoRequest, videos: VideoStore, *, from_bus: bool = False, owner: ImageOwner | None = None
) -> StagedImage:
    """Check the images and name them. Nothing is written.

    Raises `Invalid` as `claim_image` does, and with an `owner` also for a stored image that none of its jobs uses.
    """
    given = request.images
    if not given:
        return StagedImage(request=request)
    named = {at: await _name_image(at, image, videos, owner, from_bus=from_bus) for at, image in given.items()}
    first = named.get("reference_image")
    return StagedImage(
        request=request.rename_images({image: named[at].reference for at, image in given.items()}),
        images={each.name: each.content for each in named.values() if each.content is not None},
        expected={each.name: at for at, each in named.items() if each.is_expected},
        other_names=first.other_names if first else (),
    )


async def _name_image(
    field: str, reference: str, videos: VideoStore, owner: ImageOwner | None, *, from_bus: bool
) -> _NamedImage:
    """Check and name the image of one field. Raises `Invalid`."""
    if not reference.startswith(("data:", REFERENCE_SCHEME)):
        readable = tuple(videos.reads)
        if not reference.startswith(readable):
            where = " and ".join(sorted(readable)) or "no bucket"
            words = f"{field} can't be read from {reference[:300]}: this deployment reads images from {where}"
            raise Invalid(f"{words}; send it as a data: URL", field=field)
    if owner and (name := _name_in_our_store(field, reference, videos.reads)):
        return await _open_stored(field, reference, name, videos, owner)
    if reference.startswith(REFERENCE_SCHEME):
        # The publisher of a message from the bus has mostly stored it. If it is missing, the job fails and names it.
        return _NamedImage(reference=reference, is_expected=not from_bus)
    if not reference.startswith("data:"):
        return _NamedImage(reference=reference)
    limit = INLINE_IMAGE_MAX_BYTES_ON_BUS if from_bus else IMAGE_MAX_BYTES
    image, digest, extension = await asyncio.to_thread(_decode_image, field, reference, limit)
    own, plain = (
        REFERENCE_SCHEME + reference_name(image_digest(caller, digest), extension)
        for caller in (owner.caller if owner else None, None)
    )
    return _NamedImage(reference=own, content=image, other_names=(plain,) if owner else ())


async def _open_stored(field: str, reference: str, name: str, videos: VideoStore, owner: ImageOwner) -> _NamedImage:
    """Find an image by the digest of what the owner sent, or by the name that it has in messages."""
    digest, _, extension = name.removeprefix(REFERENCES).partition(".")
    own = reference_name(image_digest(owner.caller, digest), extension)
    is_own = bool(await videos.list(own))
    is_known = REFERENCE_SCHEME + name in owner.known
    if not is_own and not is_known and not await is_used_by(owner.caller, name, owner.jobs, videos):
        raise _not_stored(field)
    names = (REFERENCE_SCHEME + own, REFERENCE_SCHEME + name, reference)
    return _NamedImage(reference=names[0 if is_own else 1], is_expected=True, other_names=names)


def _not_stored(field: str) -> Invalid:
    return Invalid(f"{field} names no image that was stored before", field=field)


def _name_in_our_store(field: str, reference: str, reads: Collection[str]) -> str | None:
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
        raise _not_stored(field)
    return REFERENCES + name


async def store_image(claim: StagedImage, videos: VideoStore) -> StagedImage:
    """Store the referrers of the job and then the images: the docstring of this module says why in this order.

    Return the claim without the images, which are large.
    """
    await add_reference(claim.request, videos)
    try:
        await check_stored(claim, videos)
    except Invalid:
        for name in claim.names:
            await videos.delete(referrer_name(name, claim.request.job_id))
        raise
    for name, image in claim.images.items():
        await videos.put(name, image, content_type=IMAGE_TYPES[name.rpartition(".")[2]])
    return replace(claim, images={})


async def check_stored(claim: StagedImage, videos: VideoStore) -> None:
    """Raise `Invalid` if the request names a stored image that is not there."""
    for name, named_by in claim.expected.items():
        if name not in claim.images and not await videos.list(name):
            raise _not_stored(named_by)


def _decode_image(field: str, reference: str, limit: int) -> tuple[bytes, str, str]:
    """Return the image of a data: URL, its digest, and the extension that fits it."""
    encoded = reference.partition(",")[2]
    if len(encoded) * 3 // 4 > limit + 2:
        raise Invalid(f"{field} must have at most {limit:,} bytes, not {len(encoded) * 3 // 4:,}", field=field)
    try:
        image = base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise Invalid(f"{field} must be valid base64", field=field) from error
    return image, hashlib.sha256(image).hexdigest(), image_kind(image, field=field)
