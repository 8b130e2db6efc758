"""Clips with one fault each, as numpy draws them: a square that moves over a grey gradient, with a tone."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

FPS = 12
RATE_HZ = 48_000
Drawing = Callable[[int], npt.NDArray[np.uint8]]
"""Draws the frame of this number in grey."""
Tone = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]
"""Returns the samples at these moments, from -1 to 1."""


@dataclass(frozen=True)
class Faulty:
    """One clip: its frames, its sound, and how it is stored."""

    draw: Drawing
    tone: Tone | None
    seconds: float = 4.0
    size: tuple[int, int] = (160, 96)
    codec: str = "libx264"

    def write(self, path: Path) -> Path:
        """Encode the clip."""
        with av.open(str(path), "w", format="mp4") as container:
            video: Any = container.add_stream(self.codec, rate=FPS, options={"preset": "ultrafast", "crf": "12"})
            video.width, video.height, video.pix_fmt = *self.size, "yuv420p"
            sound: Any = self.tone and container.add_stream("aac", rate=RATE_HZ, layout="mono")
            for number in range(round(self.seconds * FPS)):
                grey = self.draw(number)
                picture = np.repeat(np.repeat(grey, self.size[1] // 96, 0), self.size[0] // 160, 1)
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="gray")
                frame.pts, frame.time_base = number, Fraction(1, FPS)
                container.mux(video.encode(frame))
            container.mux(video.encode(None))
            if self.tone:
                for heard in (*self._heard(self.tone), None):
                    container.mux(sound.encode(heard))
        return path

    def _heard(self, tone: Tone) -> list[av.AudioFrame]:
        samples = tone(np.arange(round(self.seconds * RATE_HZ)) / RATE_HZ).astype(np.float32)
        frames = []
        for start in range(0, len(samples), 1024):
            block = np.ascontiguousarray(samples[None, start : start + 1024])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, start, Fraction(1, RATE_HZ)
            frames.append(frame)
        return frames


def moving(number: int) -> npt.NDArray[np.uint8]:
    """A bright square that moves over a gradient."""
    frame = np.tile(np.linspace(60, 180, 160), (96, 1)).astype(np.uint8)
    left = 10 + 2 * number % 120
    frame[30:60, left : left + 30] = 230
    return frame


def other(number: int) -> npt.NDArray[np.uint8]:
    """Another scene: bright where the first one is dark, and with stripes."""
    return np.ascontiguousarray(255 - moving(number).T[:96, :96].repeat(2, axis=1)[:, :160]) // 2


def black_from(second: float) -> Drawing:
    return lambda number: np.zeros((96, 160), np.uint8) if number >= second * FPS else moving(number)


def frozen_from(second: float) -> Drawing:
    return lambda number: moving(min(number, round(second * FPS)))


def cut_at(second: float) -> Drawing:
    return lambda number: moving(number) if number < second * FPS else other(number)


def strobe(number: int) -> npt.NDArray[np.uint8]:
    return moving(number) // (1 if number % 2 else 3)


def within_bars(rows: int = 0, columns: int = 0) -> Drawing:
    def draw(number: int) -> npt.NDArray[np.uint8]:
        frame = moving(number)
        frame[:rows], frame[96 - rows :] = 0, 0
        frame[:, :columns], frame[:, 160 - columns :] = 0, 0
        return frame

    return draw


def tone_of(level: float, *, until: float = 60.0) -> Tone:
    return lambda moments: level * np.sin(2 * np.pi * 440 * moments) * (moments < until)
