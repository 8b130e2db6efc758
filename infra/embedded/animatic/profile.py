"""Colour profiles: what an image's numbers mean, converted to sRGB as viewers do it."""

import io
import zlib

from PIL import Image, ImageCms

_BYTES_AT_MOST = 8_000_000
_SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK"}
"""Which colour space a profile must have to speak of an image of that mode."""


def unpack(chunk: bytes) -> bytes | None:
    """Return the profile in a PNG's iCCP chunk: a name, a zero, a method, and deflated bytes."""
    try:
        return zlib.decompressobj().decompress(chunk[chunk.index(b"\0") + 2 :], _BYTES_AT_MOST)
    except (ValueError, zlib.error):
        return None


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return the image, L, RGB or CMYK, in sRGB. A profile that is broken, or of another colour space, is ignored."""
    if profile and len(profile) <= _BYTES_AT_MOST:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if source.profile.xcolor_space == _SPACES[image.mode]:
                target = ImageCms.createProfile("sRGB")
                converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
                return converted or image.convert("RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    return image.convert("RGB")
