"""Looks at the codecs with which workers cut, join, check and describe videos, whatever model makes the clips."""

from collections.abc import Iterator

import av
from av.codec import Codec

from schemas.ports.findings import Finding

_WRITES = ("libx264", "aac", "mov_text")
_READS = ("h264", "aac", "mp3", "flac", "vorbis", "opus")
_INSTALL = "install the wheel of PyAV, which brings its own FFmpeg: pip install --force-reinstall --only-binary av av"


def examine_media(writes: tuple[str, ...] = _WRITES, reads: tuple[str, ...] = _READS) -> Iterator[Finding]:
    """Look if FFmpeg, as PyAV was built with it, has what videos, films, music and subtitles need."""
    missing = [*(f"{name} (encoder)" for name in writes if not _has(name, "w"))]
    missing += [f"{name} (decoder)" for name in reads if not _has(name, "r")]
    version = f"PyAV {av.__version__} with libavcodec {'.'.join(map(str, av.library_versions['libavcodec']))}"
    if missing:
        yield Finding.wrong("media", "", f"{version} has no {', '.join(missing)}", _INSTALL)
    else:
        yield Finding.ok("media", "", f"{version} has all codecs")


def _has(name: str, mode: str) -> bool:
    try:
        Codec(name, "w" if mode == "w" else "r")
    except ValueError:  # av.codec.codec.UnknownCodecError is one
        return False
    return True
