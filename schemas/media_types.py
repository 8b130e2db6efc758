"""Media types by the extension of a name: one table of our own, since the host's tables differ and may be absent."""

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
