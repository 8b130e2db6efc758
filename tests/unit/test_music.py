"""Music of each type, and files that a film can't have: what a child process says of them."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from infra.media.music import examine, write_samples
from tests.contract.sounds import RATE_HZ, tone, write_clip, write_music
from tests.unit.media_clips import Film


@pytest.mark.parametrize(
    ("codec", "kind", "extension"),
    [
        ("libmp3lame", "mp3", "mp3"),
        ("aac", "mp4", "m4a"),
        ("pcm_s24le", "wav", "wav"),
        ("flac", "flac", "flac"),
        ("libopus", "ogg", "ogg"),
    ],
)
def test_each_type_is_known_by_its_content(tmp_path: Path, codec: str, kind: str, extension: str) -> None:
    file = write_music(tmp_path / "music", tone(1.5, 440), codec=codec, kind=kind)
    assert examine(file) == (extension, "")


RATE_WORDS = "must have at most 192,000 Hz, not 655,350"


def write_fast_flac(path: Path, rate_hz: int) -> Path:
    """Two seconds of silence at a rate that no player uses."""
    with av.open(str(path), "w", format="flac") as container:
        stream = container.add_stream("flac", rate=rate_hz, layout="mono")
        for at in range(0, 2 * rate_hz, 4096):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = rate_hz, at, Fraction(1, rate_hz)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_long_wav(path: Path, seconds: int) -> Path:
    """A file of 8-bit mono at 8 kHz, which is short for its length."""
    size = seconds * 8000
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, 8000, 8000, 1, 8, b"data", size
    )
    path.write_bytes(head + bytes(size))
    return path


def test_a_file_that_is_too_short_or_too_long_is_refused(tmp_path: Path) -> None:
    short = write_music(tmp_path / "short", tone(0.5, 440), codec="flac", kind="flac")
    assert examine(short) == ("", "must last at least 1 s, and 0.50 s can be decoded")
    assert examine(write_long_wav(tmp_path / "long", 1801)) == ("", "must last at most 1,800 s")


@pytest.mark.parametrize(("rate_hz", "found"), [(192_000, ("flac", "")), (655_350, ("", RATE_WORDS))])
def test_a_rate_that_would_take_much_time_to_decode_is_refused(
    tmp_path: Path, rate_hz: int, found: tuple[str, str]
) -> None:
    assert examine(write_fast_flac(tmp_path / "music", rate_hz)) == found


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
CONCAT = b"ffconcat version 1.0\nfile /etc/passwd\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "must be MP3, M4A, WAV, FLAC or Ogg"),
        (PLAYLIST, "must be MP3, M4A, WAV, FLAC or Ogg"),
        (CONCAT, "must be MP3, M4A, WAV, FLAC or Ogg"),
        (b"ID3" + bytes(1000), "can't be read as mp3"),
        (b"fLaC" + b"\xff" * 1000, "can't be read as flac"),
        (b"RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\xff", "can't be read as wav"),
        (b"OggS" + bytes(1000), "can't be read as ogg"),
    ],
)
def test_what_is_no_music_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "music").write_bytes(content)
    assert examine(tmp_path / "music") == ("", words)


def test_a_truncated_file_counts_as_what_can_be_decoded(tmp_path: Path) -> None:
    whole = write_music(tmp_path / "whole", tone(8, 440)).read_bytes()
    (tmp_path / "half").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "tenth").write_bytes(whole[: len(whole) // 20])
    assert examine(tmp_path / "half") == ("mp3", "")
    assert examine(tmp_path / "tenth")[1].startswith("must last at least 1 s")


def test_the_sound_of_a_video_may_be_music_and_a_video_without_sound_not(tmp_path: Path) -> None:
    video = write_clip(tmp_path / "video.mp4", np.zeros((2, 2 * RATE_HZ), np.float32), codec="aac")
    assert examine(video) == ("m4a", "")
    assert examine(Film(sound=None).write(tmp_path / "mute.mp4")) == ("", "must have a sound track")


@pytest.mark.parametrize(("seconds", "samples"), [(0.7, 33_600), (60, 72_000)])
def test_as_many_samples_are_written_as_a_film_needs(tmp_path: Path, seconds: float, samples: int) -> None:
    music, to = write_music(tmp_path / "music", tone(1.5, 440), codec="flac", kind="flac"), tmp_path / "samples"
    assert write_samples(music, to, seconds) == samples == to.stat().st_size // 4
    found = np.frombuffer(to.read_bytes(), "<i2").reshape(-1, 2)
    assert np.abs(found / 32768 - tone(1.5, 440)[:, :samples].T).max() < 1e-3
