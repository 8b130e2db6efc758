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
from schemas.names import reference_name
from schemas.ports import VideoStore
from schemas.request import IMAGE_MAX_BYTES, INLINE_IMAGE_MAX_BYTES_ON_BUS, VideoRequest

_SCHEME = "reelbus:"
_EXTENSIONS = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}


async def claim_image(request: VideoRequest, videos: VideoStore, *, from_bus: bool = False) -> VideoRequest:
    """The request with its image in the store. Raises `Invalid` for what is no image, too large, or out of reach."""
    reference = request.reference_image
    if reference is None:
        return request
    if reference.startswith(_SCHEME):
        if not from_bus:  # from there it was claimed already, mostly, and a missing one fails the job by its name
            await _check_stored(reference, videos)
        return request
    if not reference.startswith("data:"):
        _check_readable(reference, videos)
        return request
    limit = INLINE_IMAGE_MAX_BYTES_ON_BUS if from_bus else IMAGE_MAX_BYTES
    image, name, extension = await asyncio.to_thread(_opened, reference, limit)
    await videos.put(name, image, content_type=_EXTENSIONS[extension])
    return request.model_copy(update={"reference_image": _SCHEME + name})


def _opened(reference: str, limit: int) -> tuple[bytes, str, str]:
    image = _decoded(reference, limit)
    extension = _kind_of(image)
    return image, reference_name(hashlib.sha256(image).hexdigest(), extension), extension


def stored_name(reference: str) -> str | None:
    """The name in the video store that a claimed reference stands for; None for a foreign address."""
    return reference.removeprefix(_SCHEME) if reference.startswith(_SCHEME) else None


async def _check_stored(reference: str, videos: VideoStore) -> None:
    if not await videos.list(reference.removeprefix(_SCHEME)):
        raise Invalid("reference_image names no image that was stored before", field="reference_image")


def _check_readable(reference: str, videos: VideoStore) -> None:
    scheme = reference.partition(":")[0]
    if scheme not in videos.reads:
        raise Invalid(
            f"reference_image can't be read from {scheme}:// here; send it as a data: URL", field="reference_image"
        )


def _decoded(reference: str, limit: int) -> bytes:
    encoded = reference.partition(",")[2]
    if len(encoded) * 3 // 4 > limit + 2:
        raise Invalid(f"reference_image must have at most {limit:,} bytes", field="reference_image")
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise Invalid("reference_image must be valid base64", field="reference_image") from error


def _kind_of(image: bytes) -> str:
    """By its first bytes: a data: URL may lie about its type."""
    if image.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if image.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
        return "webp"
    raise Invalid(
        "reference_image must be a PNG, JPEG or WebP image; its bytes are something else", field="reference_image"
    )
