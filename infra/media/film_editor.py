"""The `FilmEditor` of local files: joins scenes with cuts, crossfades and fades, one frame after the other.

At most two clips are open at once, and a frame and a block of sound of each are in memory. The sound is made first, see
`infra.media.film_sound`. Every place in the film is computed from its beginning, in whole milliseconds, so that sixty
scenes drift no more than one.
"""

import asyncio
import heapq
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any

import av
import numpy as np
from av.packet import Packet

from infra.atomic_file import write_atomically
from infra.media.captions import cues_of
from infra.media.chapters import set_chapters
from infra.media.clip import Clip, read_clip
from infra.media.editor import translate_errors
from infra.media.film_sound import SAMPLE_RATE, SoundFiles, copy_track, open_sound
from infra.media.film_timeline import TimedScene, scenes_of
from infra.media.last_frame import write_last_frame
from infra.media.lettering import draw_captions, write_card
from infra.media.look import PIXELS, Look, look_of
from infra.media.probe import probe_of
from infra.media.subtitles import encode_captions, write_subtitles
from infra.media.transcode import (
    X264,
    decode_video,
    encode_frames,
    first_frame,
)
from schemas.ports import FilmSound, Probe, Segment
from schemas.ports.films import AS_LOUD_AS_RECORDED
from schemas.wire.film_parts import Captions

_FASTSTART = {"movflags": "+faststart"}
_X264 = {**X264, "threads": "2", "mbtree": "0"}
"""A fixed number of threads: with another one the encoder makes other bytes of the same frames. With its macroblock
tree it does so too: in 2 to 7 of 100 runs over frames of one colour (libx264 of PyAV 18.1)."""
_BLACK_LUMA, _BLACK_CHROMA = 16, 128


class FileFilmEditor:
    """Joins local files. Raises `Invalid` and `LocalDisk`."""

    async def join(
        self,
        segments: Sequence[Segment],
        *,
        to: Path,
        sound: FilmSound = AS_LOUD_AS_RECORDED,
        captions: Captions | None = None,
    ) -> Probe:
        with TemporaryDirectory(dir=to.parent, prefix="sound-", ignore_cleanup_errors=True) as folder:
            wanted = Wanted(to=to, sound=sound, sound_files=SoundFiles(Path(folder)), captions=captions)
            if sound.music and segments:
                await wanted.sound_files.decode_music(sound.music, seconds=segments[-1].ends_ms / 1000)
            try:
                return await asyncio.to_thread(translate_errors, join, segments, wanted)
            finally:
                wanted.stop.set()  # a worker that stops waits for its threads

    async def last_frame(self, clip: Path, to: Path, *, end_ms: int) -> None:
        await asyncio.to_thread(translate_errors, write_last_frame, clip, to, end_ms=end_ms)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What is written beside the segments, and where."""

    to: Path
    sound: FilmSound
    sound_files: SoundFiles
    captions: Captions | None
    stop: Event = field(default_factory=Event)


def join(segments: Sequence[Segment], wanted: Wanted) -> Probe:
    """Write the film. Raises `NotPlayable` for a file that is certainly no video, and `InterruptedError`."""
    first = next((read_clip(segment.clip) for segment in segments if not segment.card), None)
    if first is None:
        raise ValueError("There are no scenes to join.")
    look = look_of(first, first_frame(first))
    with TemporaryDirectory(dir=wanted.to.parent, prefix="cards-") as folder:
        with_cards = list(_draw_cards(segments, look, Path(folder)))
        _write(with_cards, look, wanted)
    return probe_of(read_clip(wanted.to))


def _draw_cards(segments: Sequence[Segment], look: Look, folder: Path) -> Iterator[Segment]:
    """Yield the segments; the clip of a card is drawn."""
    for number, segment in enumerate(segments):
        clip = folder / f"{number}.mp4" if segment.card else segment.clip
        if segment.card:
            write_card(segment.card, look, clip)
        yield replace(segment, clip=clip)


def _write(segments: Sequence[Segment], look: Look, wanted: Wanted) -> None:
    clips, captions = [read_clip(segment.clip) for segment in segments], wanted.captions
    cues = list(cues_of(segments, look.rate)) if captions else []
    frames = _show(look, scenes_of(segments, clips, look.rate))
    if captions and captions.burn_in:
        frames = draw_captions(frames, cues, look)
    with ExitStack() as stack:
        timeline = scenes_of(segments, clips, SAMPLE_RATE)
        heard = stack.enter_context(open_sound(timeline, wanted.sound_files, wanted.sound, wanted.stop))
        part = stack.enter_context(write_atomically(wanted.to))
        container = stack.enter_context(av.open(str(part), "w", format="mp4", options=_FASTSTART))
        tracks: list[Any] = [encode_frames(frames, look, container, _X264)]
        if heard:
            tracks.append(copy_track(heard, container))
        if captions and captions.embed and cues:
            tracks.append(encode_captions(cues, container))
        set_chapters(container, segments, look.rate)
        if comment := _common_comment(segments, clips):
            container.metadata["comment"] = comment
        for packet in heapq.merge(*tracks, key=_decode_time):
            if wanted.stop.is_set():
                raise InterruptedError("the join was stopped")
            container.mux(packet)
    for kind in captions.sidecar if captions and cues else ():
        write_subtitles(cues, wanted.to.with_suffix(f".{kind}"))


def _common_comment(segments: Sequence[Segment], clips: Sequence[Clip]) -> str:
    """Return the comment that all scenes have; empty if they differ. Of a film with other scenes it may be untrue."""
    comments = {clip.comment for segment, clip in zip(segments, clips, strict=True) if not segment.card}
    return comments.pop() if len(comments) == 1 else ""


def _show(look: Look, scenes: Sequence[TimedScene]) -> Iterator[av.VideoFrame]:
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


def _decode_time(packet: "Packet[Any]") -> Fraction:
    moment = packet.dts if packet.dts is not None else packet.pts or 0
    return moment * (packet.time_base or Fraction(0))
