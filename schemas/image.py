"""What an image's own first bytes say: its kind and its size in pixels, read without decoding it.

A picture of a few kilobytes can claim to be 50,000 pixels wide and fill the memory of whoever opens it. So the doors
read the header, and only the header; what lies behind it is the business of whoever decodes the picture.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from schemas.errors import Invalid

PIXELS_AT_MOST = 50_000_000
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""JPEG's markers that begin a frame, and tell its size."""
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})
"""JPEG's markers without a length."""


@dataclass(frozen=True, slots=True)
class _Header:
    extension: Literal["png", "jpg", "webp"]
    width: int
    height: int
    animated: bool = False


def image_kind(image: bytes) -> Literal["png", "jpg", "webp"]:
    """The extension that fits its bytes: an address may lie about its type. Raises `Invalid`, naming the limit."""
    try:
        header = _header(image)
    except IndexError:
        header = None
    if header is None or not (header.width and header.height):
        raise _invalid("is cut off or broken: its first bytes are an image's, the rest is not")
    if header.animated:
        raise _invalid("must be a still image, not an animation")
    if header.width * header.height > PIXELS_AT_MOST:
        size = f"{header.width} x {header.height}"
        raise _invalid(f"must have at most {PIXELS_AT_MOST:,} pixels (50 megapixels), not {size}")
    return header.extension


def _header(image: bytes) -> _Header | None:
    if image.startswith(_PNG):
        return _png(image)
    if image.startswith(_JPEG):
        return _jpeg(image)
    if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
        return _webp(image)
    raise _invalid("must be a PNG, JPEG or WebP image; its bytes are something else")


def _png(image: bytes) -> _Header | None:
    chunks = dict(_png_chunks(image))
    if b"IHDR" not in chunks or b"IDAT" not in chunks or b"IEND" not in chunks:
        return None
    at = chunks[b"IHDR"]
    return _Header("png", _number(image, at, 4), _number(image, at + 4, 4), animated=b"acTL" in chunks)


def _png_chunks(image: bytes) -> Iterator[tuple[bytes, int]]:
    """Each chunk's name, and where its data begins; those that are whole."""
    at = len(_PNG)
    while (end := at + 12 + _number(image, at, 4)) <= len(image):
        yield image[at + 4 : at + 8], at + 8
        if image[at + 4 : at + 8] == b"IEND":
            return
        at = end


def _jpeg(image: bytes) -> _Header | None:
    at = 2
    while image[at] == 0xFF:
        marker = image[at + 1]
        if marker in _FRAMES:
            whole = image.rfind(b"\xff\xd9") > at
            return _Header("jpg", _number(image, at + 7, 2), _number(image, at + 5, 2)) if whole else None
        at += 1 if marker == 0xFF else 2 if marker in _BARE else 2 + _number(image, at + 2, 2)
    return None


def _webp(image: bytes) -> _Header | None:
    if int.from_bytes(image[4:8], "little") + 8 > len(image):
        return None
    match image[12:16]:
        case b"VP8X":
            return _Header("webp", 1 + _little(image, 24, 3), 1 + _little(image, 27, 3), animated=bool(image[20] & 2))
        case b"VP8L":
            packed = _little(image, 21, 4)
            return _Header("webp", 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF))
        case b"VP8 ":
            return _Header("webp", _little(image, 26, 2) & 0x3FFF, _little(image, 28, 2) & 0x3FFF)
    return None


def _number(image: bytes, at: int, size: int) -> int:
    """Big-endian. Raises `IndexError` behind the end."""
    return int.from_bytes(_part(image, at, size), "big")


def _little(image: bytes, at: int, size: int) -> int:
    return int.from_bytes(_part(image, at, size), "little")


def _part(image: bytes, at: int, size: int) -> bytes:
    part = image[at : at + size]
    if len(part) < size:
        raise IndexError
    return part


def _invalid(words: str) -> Invalid:
    return Invalid(f"reference_image {words}", field="reference_image")
