"""The reference picture: turn untrusted bytes into an upright sRGB image, or raise an error that says why not.

Colour profiles are applied. A drawing on a transparent ground is laid on paper from which it differs.
"""

import io
import math
import struct
import warnings
import zlib
from io import BytesIO
from typing import Any

import av
import numpy as np
from PIL import Image, ImageCms, ImageFile

from schemas.errors import Invalid
from schemas.services.image_header import image_kind, png_chunks

_PAPERS = ((18, 20, 24), (244, 243, 238), (128, 128, 126))
"""Dark, as the films are; light, for dark drawings; and one for drawings that have both."""
_LEAST_CONTRAST = 72
"""Levels of 255 between a line and its paper."""
_SAMPLE_PX = 1024
_TOLERANCE = 0.02
"""A smaller share of the drawing may be as bright as its paper: a shadow, or the edge of a line."""


def lay_on_paper(colours: Image.Image, alpha: Image.Image) -> Image.Image:
    """Return the colours over the paper that hides least of them."""
    paper = Image.new("RGB", colours.size, _choose(colours, alpha))
    paper.paste(colours, (0, 0), alpha)
    return paper


def _choose(colours: Image.Image, alpha: Image.Image) -> tuple[int, int, int]:
    step = max(1, max(colours.size) // _SAMPLE_PX)
    luma = np.asarray(colours.convert("L"))[::step, ::step].astype(np.int16)
    weight = np.asarray(alpha)[::step, ::step].astype(np.float32)
    total = float(weight.sum())
    hidden = {paper: float(weight[np.abs(luma - paper[1]) < _LEAST_CONTRAST].sum()) for paper in _PAPERS}
    return min(_PAPERS, key=lambda paper: max(hidden[paper] - _TOLERANCE * total, 0))


_BYTES_AT_MOST = 8_000_000
_SPACES = {"RGB": "RGB ", "L": "GRAY", "CMYK": "CMYK"}
"""The colour space that a profile must have to describe an image of that mode."""


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


MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 50_000_000
_FORMATS = ("PNG", "JPEG", "WEBP")
_PNG = b"\x89PNG\r\n\x1a\n"
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
"""The parts of a PNG that make its pixels."""
_TRANSPARENCY_BYTES = {0: (2,), 2: (6,), 3: range(1, 257)}
"""By PNG's colour type."""
_ENOUGH_PIXELS = 8_000_000
"""More than any frame shows. A larger picture is made smaller before it is converted, so that it fits in memory."""
_STRIP_PX = 128
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_BROKEN = (
    *(OSError, SyntaxError, EOFError, IndexError, KeyError, ValueError, TypeError, OverflowError, StopIteration),
    *(struct.error, zlib.error, av.FFmpegError),
)
"""What Pillow and FFmpeg raise for broken files."""


def decode(data: bytes) -> Image.Image:
    """Decode a picture as people see it: upright, in sRGB, on paper, 8 bits. Raises ValueError with the reason."""
    if len(data) > MAX_BYTES:
        raise ValueError(f"The reference image has {len(data):,} bytes; the limit is {MAX_BYTES:,} (20 MB).")
    with warnings.catch_warnings():
        # Pillow warns of large pictures, of which we have a stricter limit, and of harmless faults in their metadata.
        warnings.simplefilter("ignore")
        try:
            return _load(data)
        except Image.DecompressionBombError as error:
            raise _TooLarge from error
        except (_TooLarge, _NotDrawn):
            raise
        except (*_BROKEN, Invalid) as error:
            words = "The reference image is cut off or broken: it cannot be decoded as PNG, JPEG or WebP."
            raise ValueError(words) from error


class _TooLarge(ValueError):
    def __init__(self) -> None:
        super().__init__(f"The reference image has too many pixels; the limit is {MAX_PIXELS:,} (50 megapixels).")


class _NotDrawn(ValueError):
    """The picture is whole, and of a kind that the facade refuses."""


def _load(data: bytes) -> Image.Image:
    depth, profile, original = 8, None, data
    if data.startswith(_PNG):
        depth = data[24]
        data, profile = _keep_pixels(data)
    with Image.open(BytesIO(data), formats=_FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise _TooLarge
        try:  # the facade did not see a picture that came by its address
            image_kind(original)
        except Invalid as error:
            if "cut off" in str(error):
                raise
            raise _NotDrawn(str(error).replace("reference_image", "The reference image") + ".") from error
        small = _shrink(image, data, depth)
        profile = profile or image.info.get("icc_profile")
        try:
            turn = _TURNS.get(int(image.getexif().get(_ORIENTATION, 1)))
        except _BROKEN:  # a picture with broken metadata is shown as it is stored
            turn = None
    alpha = small.getchannel("A") if small.mode.endswith("A") else None
    flat = to_srgb(small.convert(small.mode.removesuffix("A")) if alpha else small, profile)
    if alpha and alpha.getextrema() != (255, 255):
        flat = lay_on_paper(flat, alpha)
    return flat if turn is None else flat.transpose(turn)


def _keep_pixels(png: bytes) -> tuple[bytes, bytes | None]:
    """Return the PNG with the parts that make its picture, and its colour profile.

    Pillow refuses a file for a text of more than a megabyte, or for the checksum of one; viewers look at neither.
    """
    kept, profile = [_PNG], None
    for name, at in png_chunks(png):
        data = png[at : at + int.from_bytes(png[at - 8 : at - 4], "big")]
        sound = zlib.crc32(data, zlib.crc32(name)) == int.from_bytes(png[at + len(data) : at + len(data) + 4], "big")
        if name in _CRITICAL or (sound and _is_used(name, data, png[25])):
            kept.append(png[at - 8 : at + len(data) + 4])
        elif sound and name == b"iCCP":
            profile = profile or unpack(data)
    return b"".join(kept), profile


def _is_used(name: bytes, data: bytes, colour: int) -> bool:
    """Return True for the orientation, and for a transparent colour of the length that the colour type demands."""
    return name == b"eXIf" or (name == b"tRNS" and len(data) in _TRANSPARENCY_BYTES.get(colour, ()))


def _factor(image: Image.Image) -> int:
    return max(1, round(math.sqrt(image.width * image.height / _ENOUGH_PIXELS)))


def _shrink(image: ImageFile.ImageFile, data: bytes, depth: int) -> Image.Image:
    """Return the image in one of the modes L, LA, RGB, RGBA and CMYK, a large one smaller.

    It works in strips: a whole large picture would be in memory several times at once.
    """
    factor = _factor(image)
    size = (image.width // factor, image.height // factor)
    if image.format == "WEBP" and factor > 1:
        # Pillow reads a WebP as an animation, in four times the memory of the picture.
        with av.open(BytesIO(data), "r", format="webp_pipe") as container:
            frame = next(iter(container.decode(video=0)))
            small = frame.reformat(width=size[0], height=size[1], format="rgba", interpolation="AREA")
            return Image.fromarray(small.to_ndarray())
    if image.format in ("JPEG", "MPO"):
        image.draft(image.mode, size)
    image.load()
    factor = _factor(image)
    if factor == 1:
        return _expand(image, depth)
    rows = _STRIP_PX * factor
    strips = [
        _expand(image.crop((0, top, image.width, min(top + rows, image.height))), depth).reduce(factor)
        for top in range(0, image.height, rows)
    ]
    whole = Image.new(strips[0].mode, (strips[0].width, sum(strip.height for strip in strips)))
    for number, strip in enumerate(strips):
        whole.paste(strip, (0, number * _STRIP_PX))
    return whole


def _expand(image: Image.Image, depth: int) -> Image.Image:
    key = image.info.get("transparency")
    if image.mode.startswith("I"):
        return _expand_16_bits(image, key)
    if key is not None and image.mode == "P":
        return image.convert("RGBA")
    if key is not None and image.mode in ("1", "L", "RGB"):
        return _expand_key(image, key, depth)
    modes = {"1": "L", "L": "L", "LA": "LA", "RGBA": "RGBA", "CMYK": "CMYK"}
    return image.convert(modes.get(image.mode, "RGBA" if image.mode in ("PA", "RGBa") else "RGB"))


def _expand_key(image: Image.Image, key: Any, depth: int) -> Image.Image:
    """Make one colour transparent. It is stored in the bits of the file, which Pillow has converted to eight."""
    colours = image.convert("L") if image.mode == "1" else image
    pixels = np.asarray(colours)
    clear = np.asarray(key, np.int64)
    if image.mode != "1":
        clear = clear >> 8 if depth == 16 else clear * 255 // ((1 << depth) - 1)
    hidden = pixels == clear
    alpha = np.where(hidden.all(axis=2) if hidden.ndim == 3 else hidden, 0, 255).astype(np.uint8)
    colours = colours.copy()
    colours.info.pop("transparency")
    colours.putalpha(Image.fromarray(alpha))
    return colours


def _expand_16_bits(image: Image.Image, key: Any) -> Image.Image:
    """Scale 16-bit grey to eight bits. Pillow clips it instead, which turns a photograph white."""
    pixels = np.asarray(image)
    grey = Image.fromarray(np.clip(pixels.astype(np.int64) >> 8, 0, 255).astype(np.uint8))
    if key is not None:
        grey.putalpha(Image.fromarray(np.where(pixels == key, 0, 255).astype(np.uint8)))
    return grey
