"""Puts an inline image into the video store and lets the request go on with its address.

A Firestore document holds 1 MiB, a message 10 MB, and a worker that holds images stalls its flow control; so whoever
meets an inline image first stores it. The name is the image's digest: the same image is stored once, and a repeated
request keeps its fingerprint.
"""

import asyncio
import base64
import binascii
import hashlib

from schemas.errors import Invalid
from schemas.image import image_kind
from schemas.names import REFERENCE_SCHEME, reference_name
from schemas.ports import VideoStore
from schemas.referrers import refer
from schemas.request import IMAGE_MAX_BYTES, INLINE_IMAGE_MAX_BYTES_ON_BUS, VideoRequest

_EXTENSIONS = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}


async def claim_image(request: VideoRequest, videos: VideoStore, *, from_bus: bool = False) -> VideoRequest:
    """The request with its image in the store. Raises `Invalid` for what is no image, too large, or out of reach."""
    reference = request.reference_image
    if reference is None:
        return request
    if reference.startswith(REFERENCE_SCHEME):
        if not from_bus:  # from there it was claimed already, mostly, and a missing one fails the job by its name
            await _check_stored(reference, videos)
            await refer(request, videos)
        return request
    if not reference.startswith("data:"):
        _check_readable(reference, videos)
        return request
    limit = INLINE_IMAGE_MAX_BYTES_ON_BUS if from_bus else IMAGE_MAX_BYTES
    image, name, extension = await asyncio.to_thread(_opened, reference, limit)
    request = request.model_copy(update={"reference_image": REFERENCE_SCHEME + name})
    await refer(request, videos)
    await videos.put(name, image, content_type=_EXTENSIONS[extension])
    return request


def _opened(reference: str, limit: int) -> tuple[bytes, str, str]:
    image = _decoded(reference, limit)
    extension = image_kind(image)
    return image, reference_name(hashlib.sha256(image).hexdigest(), extension), extension


async def _check_stored(reference: str, videos: VideoStore) -> None:
    if not await videos.list(reference.removeprefix(REFERENCE_SCHEME)):
        raise Invalid("reference_image names no image that was stored before", field="reference_image")


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
