"""Media types by the extension of a name: one table of our own, since the host's tables differ and may be absent.

Reads `data:` URLs as browsers do: the WHATWG's `data:` URL processor, and its forgiving base64.

Requests hold one form of them, `data:image/png;base64,…`, and the type says what the bytes are.
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
"""Of every image, whether or not a model takes it: a type that no model takes is refused, not taken for another."""
_TYPES = {**IMAGES, "mp4": MP4}
UNKNOWN = "application/octet-stream"


def type_of_name(name: str) -> str:
    """The media type that a name's extension stands for."""
    return _TYPES.get(_extension(name), UNKNOWN)


def image_type_of_name(name: str) -> str | None:
    """The type of an image that a name stands for; None if its extension is no image's."""
    return IMAGES.get(_extension(name))


def _extension(name: str) -> str:
    _, dot, extension = name.rpartition("/")[2].rpartition(".")
    return extension.lower() if dot else ""


_C0_AND_SPACE = bytes(range(0x21))
_BLANKS = b"\t\n\f\r "
_SLICE_BYTES = 1 << 13


def is_data_url(text: str) -> bool:
    """Whether a browser would take it for one."""
    return text[:100].lstrip(_C0_AND_SPACE.decode())[:5].lower() == "data:"


def is_padded(url: str) -> bool:
    """Whether its base64 ends with all the padding that it needs."""
    return (len(url) - url.find(",") - 1) % 4 == 0


def plain_data_url(url: str) -> str:
    """The same image as the form that requests hold. Raises `ValueError` for what holds no PNG, JPEG or WebP."""
    content = _content(url)
    kind = image_type(content)
    if kind is None:
        raise ValueError("no image")
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def image_type(content: bytes) -> str | None:
    """The media type of an image by its first bytes; None for anything else."""
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
    body = _percent_decoded(raw[comma + 1 : len(raw) if end < 0 else end].translate(None, b"\t\n\r"))
    is_base64 = head.endswith(b"base64") and head.removesuffix(b"base64").rstrip(b" ").endswith(b";")
    return _forgiving_base64(body) if is_base64 else body


def _percent_decoded(text: bytes) -> bytes:
    """In slices: each escape costs a hundred times its size while it is decoded."""
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


def _forgiving_base64(text: bytes) -> bytes:
    digits = text.translate(None, _BLANKS)
    if len(digits) % 4 == 0:
        digits = digits.removesuffix(b"=").removesuffix(b"=")
    if len(digits) % 4 == 1 or b"=" in digits:
        raise ValueError("no base64")
    try:
        return base64.b64decode(digits + b"=" * (-len(digits) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError("no base64") from error
