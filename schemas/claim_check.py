"""Puts an inline image into the video store and lets the request go on with its address.

A Firestore document holds 1 MiB, a message 10 MB, and a worker that holds images stalls its flow control; so whoever
meets an inline image first stores it. The name is the image's digest: the same image is stored once, and a repeated
request keeps its fingerprint.
"""

import asyncio
import base64
import binascii
import hashlib
from dataclasses import dataclass

from schemas.errors import Invalid
from schemas.image import image_kind
from schemas.names import REFERENCE_SCHEME, reference_name, referrer_name, stored_name
from schemas.ports import VideoStore
from schemas.referrers import IMAGE_TYPES, refer
from schemas.request import IMAGE_MAX_BYTES, INLINE_IMAGE_MAX_BYTES_ON_BUS, VideoRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A request that names its image by its address, and the image, where it came along."""

    request: VideoRequest
    image: bytes | None = None
    must_be_there: bool = False
    """An image that did not come along must have been stored before."""

    @property
    def name(self) -> str | None:
        """Where the image lies in our store, or will lie."""
        return stored_name(self.request.reference_image)


async def claim_image(request: VideoRequest, videos: VideoStore, *, from_bus: bool = False) -> VideoRequest:
    """The request with its image in the store. Raises `Invalid` for what is no image, too large, or out of reach."""
    claim = await open_image(request, videos, from_bus=from_bus)
    await keep_image(claim, videos)
    return claim.request


async def open_image(request: VideoRequest, videos: VideoStore, *, from_bus: bool = False) -> Claim:
    """Judges the image and gives it its name; nothing is written. Raises `Invalid` as `claim_image` does."""
    reference = request.reference_image
    if reference is None:
        return Claim(request=request)
    if reference.startswith(REFERENCE_SCHEME):
        # From the bus it was claimed already, mostly, and a missing one fails the job by its name.
        return Claim(request=request, must_be_there=not from_bus)
    if not reference.startswith("data:"):
        _check_readable(reference, videos)
        return Claim(request=request)
    limit = INLINE_IMAGE_MAX_BYTES_ON_BUS if from_bus else IMAGE_MAX_BYTES
    image, name = await asyncio.to_thread(_opened, reference, limit)
    return Claim(request=request.model_copy(update={"reference_image": REFERENCE_SCHEME + name}), image=image)


async def keep_image(claim: Claim, videos: VideoStore) -> None:
    """Says that the job uses it, and then stores it: an order that `schemas.referrers` relies on."""
    name = claim.name
    if name is None:
        return
    await refer(claim.request, videos)
    if claim.image is not None:
        await videos.put(name, claim.image, content_type=IMAGE_TYPES[name.rpartition(".")[2]])
    elif claim.must_be_there and not await videos.list(name):
        await videos.delete(referrer_name(name, claim.request.job_id))
        raise Invalid("reference_image names no image that was stored before", field="reference_image")


def _opened(reference: str, limit: int) -> tuple[bytes, str]:
    image = _decoded(reference, limit)
    return image, reference_name(hashlib.sha256(image).hexdigest(), image_kind(image))


def _check_readable(reference: str, videos: VideoStore) -> None:
    if not reference.startswith(tuple(videos.reads)):
        readable = f"; here it may lie under {' or '.join(sorted(videos.reads))}" if videos.reads else ""
        words = f"reference_image can't be read from {reference[:300]}{readable}; or send it as a data: URL"
        raise Invalid(words, field="reference_image")


def _decoded(reference: str, limit: int) -> bytes:
    encoded = reference.partition(",")[2]
    if len(encoded) * 3 // 4 > limit + 2:
        raise Invalid(f"reference_image must have at most {limit:,} bytes", field="reference_image")
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise Invalid("reference_image must be valid base64", field="reference_image") from error
