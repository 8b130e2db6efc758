"""Decode music that a caller brought. Both functions run in a child process, since the file may be hostile.

What they write is plain samples, so that no process of ours has to decode the file again.
"""

import errno
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from math import ceil
from pathlib import Path

import av
from av.audio.resampler import AudioResampler
from av.container import InputContainer

from infra.media.container import read_frames, sounds_in
from infra.media.transcode import SAMPLE_RATE_HZ
from schemas.wire.film_audio import MUSIC_MAX_S, MUSIC_MIN_S

_HEAD_BYTES = 12
_FORMATS = {"mp3": "mp3", "m4a": "mp4", "wav": "wav", "flac": "flac", "ogg": "ogg"}
"""FFmpeg's name of each container by the extension."""
_CHANNELS_AT_MOST = 8
_RATE_AT_MOST_HZ = 192_000
"""The highest rate of usual recordings. FLAC can say 655,350 Hz, and a small file of that takes much CPU time."""


class _Refused(ValueError):
    """The file is no music that a film can have."""


def examine(source: Path) -> tuple[str, str]:
    """Decode to the end. Return the extension and "", or "" and the reason why a film can't have it."""
    try:
        extension, samples = _type_of(source), 0
        with closing(_decode(source, extension)) as blocks:
            for block in blocks:
                samples += block.samples
                if samples > MUSIC_MAX_S * SAMPLE_RATE_HZ:
                    raise _Refused(f"must last at most {MUSIC_MAX_S:,} s")
        if samples < MUSIC_MIN_S * SAMPLE_RATE_HZ:
            raise _Refused(f"must last at least {MUSIC_MIN_S} s, and {samples / SAMPLE_RATE_HZ:.2f} s can be decoded")
    except _Refused as error:
        return "", str(error)
    return extension, ""


def write_samples(source: Path, to: Path, seconds: float) -> int:
    """Write what can be decoded of so many seconds: 16 bits, stereo, 48 kHz.

    Return the number of samples, or the negative number of the error if the disk refuses them.
    """
    wanted, written = ceil(seconds * SAMPLE_RATE_HZ), 0
    with to.open("wb") as file, closing(_decode(source, _type_of(source))) as blocks:
        for block in blocks:
            data = block.to_ndarray()[:, : 2 * (wanted - written)].tobytes()
            try:
                file.write(data)
            except OSError as error:
                return -(error.errno or errno.EIO)
            written += len(data) // 4
            if written >= wanted:
                break
    return written


def _type_of(source: Path) -> str:
    """Return the extension for the first bytes of the file."""
    with source.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if head[4:8] == b"ftyp":
        return "m4a"
    if head[:4] in (b"fLaC", b"OggS"):
        return "flac" if head[:1] == b"f" else "ogg"
    is_frame = len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06 != 0
    if head[:3] == b"ID3" or is_frame:
        return "mp3"
    raise _Refused("must be MP3, M4A, WAV, FLAC or Ogg")


@contextmanager
def _open(source: Path, extension: str) -> Iterator[InputContainer]:
    try:
        # Without a format the library also opens playlists, which name other files and addresses to open.
        container = av.open(str(source), format=_FORMATS[extension], metadata_errors="replace")
    except (av.FFmpegError, EOFError) as error:
        raise _Refused(f"can't be read as {extension}") from error
    with container:
        yield container


def _decode(source: Path, extension: str) -> Generator[av.AudioFrame, None, None]:
    """Yield the sound in blocks of 16 bits, stereo, 48 kHz. A block that can't be decoded is left out."""
    with _open(source, extension) as container:
        stream = next(iter(sounds_in(container)), None)
        if stream is None:
            raise _Refused("must have a sound track")
        resampler, kind = None, None
        for frame in read_frames(container, stream):
            if frame.layout.nb_channels > _CHANNELS_AT_MOST:
                raise _Refused(f"must have at most {_CHANNELS_AT_MOST} channels, not {frame.layout.nb_channels}")
            if frame.sample_rate > _RATE_AT_MOST_HZ:
                raise _Refused(f"must have at most {_RATE_AT_MOST_HZ:,} Hz, not {frame.sample_rate:,}")
            if resampler is None or kind != (frame.format.name, frame.layout.name, frame.sample_rate):
                kind = (frame.format.name, frame.layout.name, frame.sample_rate)
                resampler = AudioResampler(format="s16", layout="stereo", rate=SAMPLE_RATE_HZ)
            frame.pts = None
            yield from resampler.resample(frame)
        yield from resampler.resample(None) if resampler else ()
