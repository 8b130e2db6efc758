"""The reference picture: untrusted bytes that become an upright RGB image, or a sentence saying why not."""

import warnings
from io import BytesIO

import numpy as np
from PIL import Image, ImageOps

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 50_000_000
_FORMATS = ("PNG", "JPEG", "WEBP")
_PAPER = (18, 20, 24)


def decode(data: bytes) -> Image.Image:
    """The picture as people see it: turned upright, flattened, 8 bits. Raises ValueError with the limit's name."""
    if len(data) > MAX_BYTES:
        raise ValueError(f"The reference image has {len(data):,} bytes; the limit is {MAX_BYTES:,} (20 MB).")
    with warnings.catch_warnings():
        # Our own limit is stricter than the one that Pillow warns about.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            return _load(data)
        except Image.DecompressionBombError as error:
            raise _too_large() from error
        except (OSError, SyntaxError, EOFError, IndexError, KeyError) as error:
            raise ValueError(f"The reference image cannot be decoded as PNG, JPEG or WebP: {error}") from error


def _load(data: bytes) -> Image.Image:
    with Image.open(BytesIO(data), formats=_FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise _too_large()
        image.load()
        return _flatten(ImageOps.exif_transpose(image))


def _too_large() -> ValueError:
    return ValueError(f"The reference image has too many pixels; the limit is {MAX_PIXELS:,} (50 megapixels).")


def _flatten(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        return _from_16_bits(image)
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    paper = Image.new("RGBA", layer.size, _PAPER)
    return Image.alpha_composite(paper, layer).convert("RGB")


def _from_16_bits(image: Image.Image) -> Image.Image:
    """Pillow clips 16-bit grey when it converts, which turns a photograph white."""
    grey = np.asarray(image).astype(np.uint32) >> 8
    return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).convert("RGB")
