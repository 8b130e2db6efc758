"""Clips as models, cameras and editors make them: a white flash and a beep at the same moments, in any kind of file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

FLASH_S = 0.1
_TICKS = 24_000
_TO_PIXELS, _TO_GREY = VideoReformatter(), VideoReformatter()
"""Each keeps its tables from frame to frame; a frame's own `reformat` computes them anew, which takes milliseconds."""
_CHANNELS = {"mono": 1, "stereo": 2, "5.1": 6}


@dataclass(frozen=True, kw_only=True)
class Film:
    """What a clip is like. Sizes are small so that a test costs milliseconds."""

    seconds: float = 3.0
    fps: Fraction = Fraction(24)
    size: tuple[int, int] = (64, 48)
    codec: str = "libx264"
    pixels: str = "yuv420p"
    options: dict[str, str] = field(default_factory=lambda: {"preset": "ultrafast"})
    flashes: Sequence[float] = (0.5, 1.5)
    moments: Sequence[float] | None = None
    """When its frames are shown; None: steadily."""
    late_s: float = 0.0
    """How much later than zero the picture begins."""
    sound: str | None = "aac"
    rate_hz: int = 48_000
    layout: str = "stereo"
    sound_late_s: float = 0.0
    sound_s: float | None = None
    kind: str = "mp4"
    container: dict[str, str] = field(default_factory=dict)
    aspect: Fraction | None = None

    def write(self, path: Path) -> Path:
        with av.open(str(path), "w", format=self.kind, options=self.container) as container:
            video: Any = container.add_stream(self.codec, rate=self.fps, options=self.options)
            video.width, video.height, video.pix_fmt = *self.size, self.pixels
            video.codec_context.time_base = Fraction(1, _TICKS)
            if self.aspect:
                video.codec_context.sample_aspect_ratio = self.aspect
            sound: Any = self.sound and container.add_stream(self.sound, rate=self.rate_hz, layout=self.layout)
            for moment in self.moments or [n / float(self.fps) for n in range(round(self.seconds * self.fps))]:
                container.mux(video.encode(self._frame(moment)))
            container.mux(video.encode(None))
            if sound:
                for heard in (*self._heard(), None):
                    container.mux(sound.encode(heard))
        return path

    def _frame(self, moment: float) -> av.VideoFrame:
        bright = any(flash <= moment < flash + FLASH_S for flash in self.flashes)
        picture = np.full((self.size[1], self.size[0], 3), 235 if bright else 40, np.uint8)
        frame = _TO_PIXELS.reformat(av.VideoFrame.from_ndarray(picture, format="rgb24"), format=self.pixels)
        frame.pts, frame.time_base = round((moment + self.late_s) * _TICKS), Fraction(1, _TICKS)
        return frame

    def _heard(self) -> list[av.AudioFrame]:
        moments = self.sound_late_s + np.arange(round((self.sound_s or self.seconds) * self.rate_hz)) / self.rate_hz
        loud = np.any([(moments >= flash) & (moments < flash + FLASH_S) for flash in self.flashes], axis=0)
        tone = (0.6 * loud * np.sin(2 * np.pi * 1000 * moments)).astype(np.float32)
        frames = []
        for start in range(0, len(tone), 1024):
            block = np.tile(tone[start : start + 1024], (_CHANNELS[self.layout], 1))
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=self.layout)
            frame.sample_rate, frame.time_base = self.rate_hz, Fraction(1, self.rate_hz)
            frame.pts = start + round(self.sound_late_s * self.rate_hz)
            frames.append(frame)
        return frames


def remux(
    source: Path,
    path: Path,
    *,
    keeps: Callable[[Any], bool] = lambda _: True,
    by_s: Fraction = Fraction(0),
    rotation: int | None = None,
    **options: str,
) -> Path:
    """The same packets in a new file: moved on the timeline, some left out, with another turn."""
    with av.open(str(source)) as old, av.open(str(path), "w", format="mp4", options=options) as new:
        tracks = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        if rotation is not None:
            new.streams.video[0].set_display_rotation(rotation)
        for packet in old.demux():
            if packet.dts is None or packet.pts is None or not packet.time_base or not keeps(packet):
                continue
            packet.pts += round(by_s / packet.time_base)
            packet.dts += round(by_s / packet.time_base)
            packet.stream = tracks[packet.stream.index]
            new.mux(packet)
    return path


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A video as a player shows it, everything in seconds."""

    flashes: list[float]
    beeps: list[float]
    picture: tuple[float, float]
    sound: tuple[float, float] | None
    container: float
    frames: int


def play(path: Path) -> Shown:
    """Decodes it from the first frame to the last."""
    lights, step = _lights(path)
    sound, beeps = _listen(path)
    with av.open(str(path)) as container:
        length = (container.duration or 0) / 1e6
    return Shown(
        flashes=_onsets([moment for moment, light in lights if light > 140]),
        beeps=beeps,
        picture=(lights[0][0], lights[-1][0] + step),
        sound=sound,
        container=length,
        frames=len(lights),
    )


def _lights(path: Path) -> tuple[list[tuple[float, float]], float]:
    with av.open(str(path)) as container:
        lights = [
            (frame.time or 0.0, float(_TO_GREY.reformat(frame, format="gray").to_ndarray().mean()))
            for frame in container.decode(video=0)
        ]
        return lights, 1 / float(container.streams.video[0].average_rate or 24)


def _listen(path: Path) -> tuple[tuple[float, float] | None, list[float]]:
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return None, []
        loud: list[float] = []
        start, end = None, 0.0
        for frame in container.decode(audio=0):
            at = float((frame.pts or 0) * (frame.time_base or 0))
            start = at if start is None else start
            samples: npt.NDArray[Any] = np.abs(frame.to_ndarray()).max(axis=0)
            loud += [at + number / frame.sample_rate for number in np.flatnonzero(samples > 0.2)]
            end = at + frame.samples / frame.sample_rate
        return (start or 0.0, end), _onsets(loud)


def _onsets(moments: list[float]) -> list[float]:
    return [now for before, now in zip([-1.0, *moments], moments, strict=False) if now - before > 0.2]
