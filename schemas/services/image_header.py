"""Read an image's kind, its size in pixels and whether it is whole from its bytes. No pixel is decoded.

An image of a few kilobytes can claim to be 50,000 pixels wide, and would fill the memory of a process that decodes it.
So only its structure is read. An image that no decoder draws is refused before it costs money. Colour profiles, texts
and other parts that concern no pixel may be large or broken.
"""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from schemas.errors import Invalid

PIXELS_AT_MOST = 50_000_000
_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
"""JPEG's markers that begin a frame, and tell its size."""
_DRAWN_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
"""Baseline, extended and progressive; viewers draw no lossless, hierarchical or arithmetic JPEG."""
_MARKER = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")
"""JPEG's markers that have a length, and the end; not those inside of a scan. No quantifier: it never looks back."""
_END, _SCAN, _QUANTIZATION = 0xD9, 0xDA, 0xDB
_BITS_OF_A_PIXEL = {0: (1, 2, 4, 8, 16), 2: (24, 48), 3: (1, 2, 4, 8), 4: (16, 32), 6: (32, 64)}
"""By PNG's colour type: grey, colour, palette, grey with alpha, colour with alpha."""
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""Adam7: where each pass begins and how far apart its pixels are, across and down."""
_DEFLATED_AT_ONCE = 1 << 16
_INFLATED_AT_ONCE = 1 << 20
_PARTS_AT_MOST = 20_000
"""Chunks of a PNG or WebP, segments of a JPEG: real files have some thousands at most, and each takes a moment."""


@dataclass(frozen=True, slots=True)
class _Header:
    extension: Literal["png", "jpg", "webp"]
    width: int
    height: int
    animated: bool = False
    kind: str = ""
    """What the image is, if no viewer draws it."""


class _NoImage(ValueError):
    """Says what is wrong with the bytes, for a sentence that begins with the field."""


def image_kind(image: bytes, *, field: str = "reference_image") -> Literal["png", "jpg", "webp"]:
    """Return the extension that fits the bytes: an address may name a wrong one.

    Raises `Invalid`, which names the `field` and the limit.
    """
    try:
        return _kind_of(image)
    except _NoImage as error:
        raise Invalid(f"{field} {error}", field=field) from error


def _kind_of(image: bytes) -> Literal["png", "jpg", "webp"]:
    try:
        header = _header(image)
        if header is not None and header.width * header.height <= PIXELS_AT_MOST and not header.animated:
            header = header if _is_whole(image, header) else None
    except IndexError:
        header = None
    if header is None or not (header.width and header.height):
        raise _NoImage("is cut off or broken: its first bytes are an image's, the rest is not")
    if header.animated:
        raise _NoImage("must be a still image, not an animation")
    if header.kind:
        raise _NoImage(f"must be an image that browsers show, not {header.kind}")
    if header.width * header.height > PIXELS_AT_MOST:
        size = f"{header.width} x {header.height}"
        raise _NoImage(f"must have at most {PIXELS_AT_MOST:,} pixels (50 megapixels), not {size}")
    return header.extension


def _header(image: bytes) -> _Header | None:
    if image.startswith(_PNG):
        return _read_png(image)
    if image.startswith(_JPEG):
        return _read_jpeg(image)
    if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
        return _read_webp(image)
    raise _NoImage("must be a PNG, JPEG or WebP image; its bytes are something else")


def _is_whole(image: bytes, header: _Header) -> bool:
    match header.extension:
        case "png":
            return _has_all_rows(image, header)
        case "jpg":  # it ends with a marker of its own: half a photograph has none, even if its thumbnail has
            markers = {marker for marker, _ in _jpeg_segments(image)}
            return _SCAN in markers and (_QUANTIZATION in markers or bool(header.kind))
    return True


def _read_png(image: bytes) -> _Header | None:
    names = {name for name, _ in png_chunks(image)}
    if not {b"IHDR", b"IDAT", b"IEND"} <= names:
        return None
    name, at = next(png_chunks(image))
    if name != b"IHDR":
        return None
    return _Header("png", _number(image, at, 4), _number(image, at + 4, 4), animated=b"acTL" in names)


def png_chunks(image: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield each whole chunk's name, and where its data begins."""
    at = len(_PNG)
    for _ in range(_PARTS_AT_MOST):
        end = at + 12 + _number(image, at, 4)
        if end > len(image):
            return
        yield image[at + 4 : at + 8], at + 8
        if image[at + 4 : at + 8] == b"IEND":
            return
        at = end


def _has_all_rows(image: bytes, header: _Header) -> bool:
    """Inflate the pixels, and keep none of them: a PNG with half its data can have all its chunks."""
    at = next(png_chunks(image))[1]
    depth, colour, compression, filtering, interlace = image[at + 8 : at + 13]
    bits = depth * _CHANNELS.get(colour, 0)
    if bits not in _BITS_OF_A_PIXEL.get(colour, ()) or compression or filtering or interlace > 1:
        return False
    missing = _bytes_of_rows(header.width, header.height, bits, interlaced=bool(interlace))
    inflater = zlib.decompressobj()
    has_palette = False
    for name, at in png_chunks(image):
        if name in (b"IHDR", b"PLTE", b"IDAT"):
            data = memoryview(image)[at : at + _number(image, at - 8, 4)]
            if zlib.crc32(data, zlib.crc32(name)) != _number(image, at + len(data), 4):
                return False
            has_palette = has_palette or name == b"PLTE"
            if name == b"IDAT":
                missing -= _inflate(inflater, data, missing)
    return missing <= 0 and (has_palette or colour != 3)


def _bytes_of_rows(width: int, height: int, bits: int, *, interlaced: bool) -> int:
    """Return the size of all rows. Each has one byte for its filter before its pixels."""
    total = 0
    for left, top, across, down in _PASSES if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total


def _inflate(inflater: "zlib._Decompress", data: memoryview, wanted: int) -> int:
    """Inflate up to `wanted` bytes, and return how many that were."""
    found = 0
    try:
        for at in range(0, len(data), _DEFLATED_AT_ONCE):
            part: memoryview | bytes = data[at : at + _DEFLATED_AT_ONCE]
            while part and found < wanted and not inflater.eof:
                found += len(inflater.decompress(part, _INFLATED_AT_ONCE))
                part = inflater.unconsumed_tail
    except zlib.error:
        return found
    return found


def _read_jpeg(image: bytes) -> _Header | None:
    for marker, at in _jpeg_segments(image):
        if marker in _FRAMES:
            bits, channels = image[at + 2], image[at + 7]
            drawn = marker in _DRAWN_FRAMES and bits == 8 and channels in (1, 3, 4)
            kind = "" if drawn else "a lossless, arithmetic or 12-bit JPEG"
            return _Header("jpg", _number(image, at + 5, 2), _number(image, at + 3, 2), kind=kind)
    return None


def _jpeg_segments(image: bytes) -> Iterator[tuple[int, int]]:
    """Yield each marker with the place of its length, up to the end of the image. Raises `IndexError` behind the end.

    The data between two markers is skipped, as decoders do.
    """
    at = 2
    for _ in range(_PARTS_AT_MOST):
        found = _MARKER.search(image, at)
        if found is None:
            raise IndexError
        at = found.end()
        marker = image[at - 1]
        yield marker, at
        if marker == _END:
            return
        at += max(2, _number(image, at, 2))
    raise IndexError


def _read_webp(image: bytes) -> _Header | None:
    end = int.from_bytes(image[4:8], "little") + 8
    if end > len(image):
        return None
    canvas, animated = None, False
    for name, at, size in _webp_chunks(image, end):
        if name == b"VP8X":
            canvas, animated = (1 + _little(image, at + 4, 3), 1 + _little(image, at + 7, 3)), bool(image[at] & 2)
        elif name in (b"ANIM", b"ANMF"):
            animated = True
        elif name in (b"VP8 ", b"VP8L"):
            found = _webp_frame(image, name, at, size)
            return _Header("webp", *found, animated=animated) if found and canvas in (None, found) else None
        if animated and canvas:
            return _Header("webp", *canvas, animated=True)
    return None


def _webp_chunks(image: bytes, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield each whole chunk's name, where its data begins, and its size."""
    at = 12
    for _ in range(_PARTS_AT_MOST):
        if at + 8 > end or at + 8 + (size := _little(image, at + 4, 4)) > end:
            return
        yield image[at : at + 4], at + 8, size
        at += 8 + size + size % 2


def _webp_frame(image: bytes, name: bytes, at: int, size: int) -> tuple[int, int] | None:
    """Return its width and height if it begins like a key frame or a lossless image."""
    if size < 10:
        return None
    if name == b"VP8L":
        packed = _little(image, at + 1, 4)
        return (1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)) if image[at] == 0x2F else None
    if image[at] & 1 or image[at + 3 : at + 6] != b"\x9d\x01\x2a":
        return None
    return _little(image, at + 6, 2) & 0x3FFF, _little(image, at + 8, 2) & 0x3FFF


def _number(image: bytes, at: int, size: int) -> int:
    """Return a big-endian number. Raises `IndexError` behind the end."""
    return int.from_bytes(_part(image, at, size), "big")


def _little(image: bytes, at: int, size: int) -> int:
    return int.from_bytes(_part(image, at, size), "little")


def _part(image: bytes, at: int, size: int) -> bytes:
    part = image[at : at + size]
    if len(part) < size:
        raise IndexError
    return part
