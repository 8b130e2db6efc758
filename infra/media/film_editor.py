"""The `FilmEditor` of local files: joins scenes with cuts, crossfades and fades, one frame after the other.

At most two clips are open at once, and a frame and a block of sound of each are in memory. Every place in the film is
computed from its beginning, in whole milliseconds, so that sixty scenes drift no more than one.
"""

import asyncio
import heapq
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from threading import Event
from typing import Any

import av
import numpy as np
from av.packet import Packet

from infra.atomic_file import write_atomically
from infra.media.clip import Clip, read_clip
from infra.media.editor import translate_errors
from infra.media.look import PIXELS, Look, look_of
from infra.media.probe import probe_of
from infra.media.transcode import (
    SAMPLE_RATE_HZ,
    X264,
    Samples,
    decode_audio,
    decode_video,
    encode_blocks,
    encode_frames,
    first_frame,
    to_frame,
)
from schemas.ports import Probe, Segment

_FASTSTART = {"movflags": "+faststart"}
_X264 = {**X264, "threads": "2"}
"""A fixed number of threads: with another one the encoder makes other bytes of the same frames."""
_BLOCK_SAMPLES = 1024
_BLACK_LUMA, _BLACK_CHROMA = 16, 128


class FileFilmEditor:
    """Joins local files. Raises `Invalid` and `LocalDisk`."""

    async def join(self, segments: Sequence[Segment], *, to: Path) -> Probe:
        stop = Event()
        try:
            return await asyncio.to_thread(translate_errors, join, segments, to=to, stop=stop)
        finally:
            stop.set()  # a worker that stops waits for its threads


def join(segments: Sequence[Segment], *, to: Path, stop: Event) -> Probe:
    """Write the film. Raises `NotPlayable` for a file that is certainly no video, and `InterruptedError`."""
    clips = [read_clip(segment.clip) for segment in segments]
    if not clips:
        raise ValueError("There are no scenes to join.")
    look = look_of(clips[0], first_frame(clips[0]))
    with write_atomically(to) as part, av.open(str(part), "w", format="mp4", options=_FASTSTART) as container:
        tracks: list[Any] = [encode_frames(_show(look, _scenes_of(segments, clips, look.rate)), look, container, _X264)]
        if any(clip.sound for clip in clips):
            tracks.append(encode_blocks(_play(_scenes_of(segments, clips, Fraction(SAMPLE_RATE_HZ))), container))
        for packet in heapq.merge(*tracks, key=_decode_time):
            if stop.is_set():
                raise InterruptedError("the join was stopped")
            container.mux(packet)
    return probe_of(read_clip(to))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scene:
    """One scene on the timeline of a track, whose ticks are frames or samples."""

    clip: Clip
    segment: Segment
    rate: Fraction
    alone_from: int
    """Before this tick the scene before it is shown too."""
    alone_until: int
    """From this tick on the next scene is shown too."""
    fade_out_ms: int
    """The end of the scene that fades to black."""

    @property
    def ticks(self) -> range:
        """All ticks at which the film shows the scene."""
        begins, ends = self.segment.start_ms, self.segment.start_ms + self.segment.length_ms
        return range(_tick(begins, self.rate), _tick(ends, self.rate))

    @property
    def fade_in_ms(self) -> int:
        """The beginning of the scene that comes from black."""
        return self.segment.fade_ms // 2 if self.segment.kind == "fade_black" else 0

    def share_at(self, ticks: Any) -> Any:
        """Return how far a crossfade into this scene is at these ticks, from 0 to 1."""
        return (ticks - self.ticks.start + 0.5) / max(1, self.alone_from - self.ticks.start)

    def light_at(self, ticks: Any) -> Any:
        """Return how much of the scene is there at these ticks: 0 is black and silent, 1 is all of it."""
        at_ms = (ticks + 0.5) * 1000 / float(self.rate) - self.segment.start_ms
        rising = at_ms / self.fade_in_ms if self.fade_in_ms else 1.0
        falling = (self.segment.length_ms - at_ms) / self.fade_out_ms if self.fade_out_ms else 1.0
        return np.clip(np.minimum(rising, falling), 0.0, 1.0)


def _scenes_of(segments: Sequence[Segment], clips: Sequence[Clip], rate: Fraction) -> list[_Scene]:
    scenes = []
    for index, (segment, clip) in enumerate(zip(segments, clips, strict=True)):
        before = segments[index - 1] if index else None
        after = segments[index + 1] if index + 1 < len(segments) else None
        ends_ms = segment.start_ms + segment.length_ms
        overlap_ms = before.start_ms + before.length_ms if before else segment.start_ms
        scenes.append(
            _Scene(
                clip=clip,
                segment=segment,
                rate=rate,
                alone_from=_tick(max(segment.start_ms, overlap_ms), rate),
                alone_until=_tick(min(ends_ms, after.start_ms) if after else ends_ms, rate),
                fade_out_ms=after.fade_ms // 2 if after and after.kind == "fade_black" else 0,
            )
        )
    return scenes


def _tick(at_ms: int, rate: Fraction) -> int:
    """Return the first tick whose middle is not before that time."""
    return ceil(Fraction(at_ms, 1000) * rate - Fraction(1, 2))


def _show(look: Look, scenes: Sequence[_Scene]) -> Iterator[av.VideoFrame]:
    """Yield the frames of the film. During a crossfade the scene before is decoded too."""
    before: Generator[av.VideoFrame, None, None] | None = None
    for scene in scenes:
        begins = Fraction(scene.segment.start_ms - scene.segment.trim_ms, 1000)
        frames = decode_video(scene.clip, look, scene.ticks, at=begins)
        for tick in range(scene.ticks.start, scene.alone_until):
            frame, light = next(frames), float(scene.light_at(tick))
            if tick < scene.alone_from and before:
                frame = _mix_frames(next(before), frame, float(scene.share_at(tick)))
            elif light < 1:
                frame = _mix_frames(_black_frame(look), frame, light)
            yield frame
        if before:
            before.close()
        before = frames
    if before:
        before.close()


def _mix_frames(under: av.VideoFrame, over: av.VideoFrame, share: float) -> av.VideoFrame:
    below, above = under.to_ndarray().astype(np.float32), over.to_ndarray().astype(np.float32)
    mixed = np.rint(below + (above - below) * np.float32(share)).astype(np.uint8)
    return av.VideoFrame.from_ndarray(mixed, format=PIXELS)


def _black_frame(look: Look) -> av.VideoFrame:
    picture = np.full((look.height * 3 // 2, look.width), _BLACK_CHROMA, np.uint8)
    picture[: look.height] = _BLACK_LUMA
    return av.VideoFrame.from_ndarray(picture, format=PIXELS)


def _play(scenes: Sequence[_Scene]) -> Iterator[av.AudioFrame]:
    """Yield the sound of the film in blocks. In a crossfade both scenes keep their power."""
    before: _Sound | None = None
    for scene in scenes:
        sound, tick = _Sound(scene), scene.ticks.start
        while tick < scene.alone_until:
            stop = scene.alone_from if tick < scene.alone_from else scene.alone_until
            ticks = np.arange(tick, min(tick + _BLOCK_SAMPLES, stop))
            block = sound.take(len(ticks)) * scene.light_at(ticks)
            if tick < scene.alone_from and before:
                turn = scene.share_at(ticks) * np.pi / 2
                block = before.take(len(ticks)) * np.cos(turn) + block * np.sin(turn)
            yield to_frame(np.clip(block, -1, 1).astype(np.float32))
            tick += len(ticks)
        if before:
            before.close()
        before = sound
    if before:
        before.close()


class _Sound:
    """The sound of one scene, as many samples as are asked for."""

    def __init__(self, scene: _Scene) -> None:
        skipped = scene.segment.trim_ms * SAMPLE_RATE_HZ // 1000
        self._frames = self._decode(scene.clip, skipped + len(scene.ticks))
        self._held: Samples = np.zeros((2, 0), np.float32)
        while skipped:
            skipped -= self.take(min(skipped, _BLOCK_SAMPLES)).shape[1]

    def take(self, samples: int) -> Samples:
        """Return the next samples."""
        while self._held.shape[1] < samples:
            self._held = np.concatenate([self._held, next(self._frames)], axis=1)
        taken, self._held = self._held[:, :samples], self._held[:, samples:]
        return taken

    def close(self) -> None:
        """Close the file."""
        self._frames.close()

    @staticmethod
    def _decode(clip: Clip, samples: int) -> Generator[Samples, None, None]:
        for frame in decode_audio(clip, samples):
            yield frame.to_ndarray().astype(np.float32)


def _decode_time(packet: "Packet[Any]") -> Fraction:
    moment = packet.dts if packet.dts is not None else packet.pts or 0
    return moment * (packet.time_base or Fraction(0))
