"""Media types by the extension of a name, and images in `data:` URLs.

The table is our own, since the tables of operating systems differ and may be absent. `data:` URLs are read as browsers
do: https://fetch.spec.whatwg.org/#data-urls, with the base64 of https://infra.spec.whatwg.org/#forgiving-base64-decode.
Requests hold them in one form, `data:image/png;base64,…`, whose type is that of the bytes.
"""

import base64
import binascii
from urllib.parse import unquote_to_bytes

MP4 = "video/mp4"
JPEG = "image/jpeg"
IMAGES = {
    "png": "image/png",
    "jpg": JPEG,
    "jpeg": JPEG,
    "jpe": JPEG,
    "jfif": JPEG,
    "webp": "image/webp",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "avif": "image/avif",
    "heic": "image/heic",
    "heif": "image/heif",
    "svg": "image/svg+xml",
}
"""Every image type, so that an image that no model accepts is refused with its own type."""
_TYPES = {
    **IMAGES,
    "mp4": MP4,
    "vtt": "text/vtt",
    "srt": "application/x-subrip",
    "otio": "application/json",
    "edl": "text/plain",
    "xml": "application/xml",
}
UNKNOWN = "application/octet-stream"


def type_of_name(name: str) -> str:
    """Return the media type of a name by its extension."""
    return _TYPES.get(_extension(name), UNKNOWN)


def image_type_of_name(name: str) -> str | None:
    """Return the media type of an image by its name; None if the extension is not one of an image."""
    return IMAGES.get(_extension(name))


def _extension(name: str) -> str:
    _, dot, extension = name.rpartition("/")[2].rpartition(".")
    return extension.lower() if dot else ""


_C0_AND_SPACE = bytes(range(0x21))
_BLANKS = b"\t\n\f\r "
_SLICE_BYTES = 1 << 13


def is_data_url(text: str) -> bool:
    """Return whether a browser reads the text as a `data:` URL."""
    return text[:100].lstrip(_C0_AND_SPACE.decode())[:5].lower() == "data:"


def is_padded(url: str) -> bool:
    """Return whether its base64 has all its padding."""
    return (len(url) - url.find(",") - 1) % 4 == 0


def plain_data_url(url: str) -> str:
    """Return the image in the form that requests hold. Raises `ValueError` unless it is a PNG, JPEG or WebP."""
    content = _content(url)
    kind = image_type(content)
    if kind is None:
        raise ValueError("no image")
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def image_type(content: bytes) -> str | None:
    """Return the media type of an image by its first bytes; None for anything else."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return None


def _content(url: str) -> bytes:
    raw = url.encode().strip(_C0_AND_SPACE)
    end = raw.find(b"#")  # a fragment is no part of the content
    comma = raw.find(b",", 0, len(raw) if end < 0 else end)
    if comma < 0:
        raise ValueError("no comma")
    head = raw[len("data:") : comma].translate(None, b"\t\n\r").strip(_BLANKS).lower()
    body = _decode_percent(raw[comma + 1 : len(raw) if end < 0 else end].translate(None, b"\t\n\r"))
    is_base64 = head.endswith(b"base64") and head.removesuffix(b"base64").rstrip(b" ").endswith(b";")
    return _decode_base64(body) if is_base64 else body


def _decode_percent(text: bytes) -> bytes:
    """Decode in slices, since each escape takes a hundred times its size of memory."""
    if b"%" not in text:
        return text
    parts, start = list[bytes](), 0
    while start < len(text):
        end = start + _SLICE_BYTES
        escape = text.rfind(b"%", end - 2, end)
        end = escape if escape > start else end
        parts.append(unquote_to_bytes(text[start:end]))
        start = end
    return b"".join(parts)


def _decode_base64(text: bytes) -> bytes:
    digits = text.translate(None, _BLANKS)
    if len(digits) % 4 == 0:
        digits = digits.removesuffix(b"=").removesuffix(b"=")
    if len(digits) % 4 == 1 or b"=" in digits:
        raise ValueError("no base64")
    try:
        return base64.b64decode(digits + b"=" * (-len(digits) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error
