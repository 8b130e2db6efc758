"""Clips with a given sound, and what a listener measures of a file."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

RATE_HZ = 48_000
Sound = npt.NDArray[np.float32]


def noise(seconds: float, level_db: float = -20, *, seed: int = 1, highest_hz: float = 8000) -> Sound:
    """Noise without higher tones, in two channels that differ."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=(2, round(seconds * RATE_HZ))))
    spectrum[:, np.fft.rfftfreq(round(seconds * RATE_HZ), 1 / RATE_HZ) > highest_hz] = 0
    made = np.fft.irfft(spectrum, round(seconds * RATE_HZ))
    return np.asarray(made / made.std() * 10 ** (level_db / 20), np.float32)


def tone(seconds: float, hertz: float, level_db: float = -20) -> Sound:
    at = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    wave = np.sqrt(2) * 10 ** (level_db / 20) * np.sin(2 * np.pi * hertz * at)
    return np.asarray([wave, wave], np.float32)


def inline_flac(content: bytes) -> str:
    """Return the address of music that a storyboard carries itself."""
    return f"data:audio/flac;base64,{base64.b64encode(content).decode()}"


def write_clip(path: Path, sound: Sound, *, codec: str = "flac") -> Path:
    """Write a grey video with this sound."""
    with av.open(str(path), "w", format="mp4") as container:
        video: Any = container.add_stream("libx264", rate=24, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        heard: Any = container.add_stream(codec, rate=RATE_HZ, layout="stereo")
        for number in range(round(sound.shape[1] / RATE_HZ * 24)):
            frame = av.VideoFrame.from_ndarray(np.full((72, 64), 90 + number % 8, np.uint8), format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        write_sound(container, heard, sound)
    return path


def write_sound(container: Any, stream: Any, sound: Sound) -> None:
    """Encode the sound to its end."""
    for at in range(0, sound.shape[1], 4096):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(sound[:, at : at + 4096]), format="fltp", layout="stereo"
        )
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, at, Fraction(1, RATE_HZ)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def frames_of(sound: Sound) -> Iterator[av.AudioFrame]:
    for at in range(0, sound.shape[1], 4800):
        block = np.ascontiguousarray(sound[:, at : at + 4800])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, at, Fraction(1, RATE_HZ)
        yield frame


def read_sound(path: Path) -> Sound:
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)


@dataclass(frozen=True)
class Heard:
    lufs: float
    peak_dbtp: float


def listen(sound: Sound) -> Heard:
    """Measure by FFmpeg's ebur128, in a graph of the tests' own."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=RATE_HZ, format="fltp", layout="stereo", time_base=Fraction(1, RATE_HZ))
    meter, sink = graph.add("ebur128", "metadata=1:peak=true:framelog=quiet"), graph.add("abuffersink")
    source.link_to(meter)
    meter.link_to(sink)
    graph.configure()
    metadata: dict[str, str] = {}
    for at in range(0, sound.shape[1], 4800):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(sound[:, at : at + 4800]), format="fltp", layout="stereo"
        )
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, at, Fraction(1, RATE_HZ)
        graph.push(frame)
        try:
            while True:
                metadata = dict(graph.pull().metadata)
        except av.BlockingIOError:
            continue
    peak = float(metadata["lavfi.r128.true_peak"])
    return Heard(float(metadata["lavfi.r128.I"]), 20 * float(np.log10(max(peak, 1e-6))))


def write_music(path: Path, sound: Sound, *, codec: str = "libmp3lame", kind: str = "mp3") -> Path:
    """Write a file with this sound alone."""
    with av.open(str(path), "w", format=kind) as container:
        write_sound(container, container.add_stream(codec, rate=RATE_HZ, layout="stereo"), sound)
    return path


def level_of(sound: Sound, hertz: float) -> float:
    """The level of one tone in dB, as `tone` makes it."""
    at = np.arange(sound.shape[1]) / RATE_HZ
    found = np.abs((sound[0] * np.exp(-2j * np.pi * hertz * at)).mean()) * np.sqrt(2)
    return 20 * float(np.log10(max(found, 1e-9)))
