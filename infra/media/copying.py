"""Cutting by copying: the first frames of a clip, as they are, without a second encoding."""

from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream

from infra.media.probe import opened

FASTSTART = {"movflags": "+faststart"}


def copy_start(clip: Path, frames: int, duration_seconds: int, to: Path) -> bool:
    """Copy that many frames and the sound beside them. False, with nothing promised of `to`, where it would break."""
    with opened(clip) as source:
        if not _is_plain(source) or not _ends_cleanly(source, frames):
            return False
        source.seek(0)
        with av.open(str(to), "w", format="mp4", options=FASTSTART) as container:
            container.metadata.update(source.metadata)
            _copy(source, container, frames, duration_seconds)
    return True


def _is_plain(source: InputContainer) -> bool:
    """Only what every player knows is worth keeping."""
    audio = source.streams.audio
    known = not audio or audio[0].codec_context.name == "aac"
    return known and source.streams.video[0].codec_context.name == "h264"


def _ends_cleanly(source: InputContainer, frames: int) -> bool:
    """Frames are stored in the order in which they are decoded, not shown: a frame that comes after the cut may be
    needed by one before it. The cut is clean where the frames to keep are also the first ones stored."""
    times = [packet.pts for packet in source.demux(video=0) if packet.size and packet.pts is not None]
    shown = sorted(times)[:frames]
    return len(shown) == frames and sorted(times[:frames]) == shown


def _copy(source: InputContainer, container: OutputContainer, frames: int, duration_seconds: int) -> None:
    streams = [source.streams.video[0], *source.streams.audio[:1]]
    outputs = {stream.index: container.add_stream_from_template(stream) for stream in streams}
    left = frames
    for packet in source.demux(streams):
        if not packet.size:
            continue
        is_video = packet.stream.type == "video"
        if left > 0 if is_video else _starts_before(packet, duration_seconds):
            left -= is_video
            packet.stream = outputs[packet.stream.index]
            container.mux(packet)


def _starts_before(packet: "Packet[Stream]", second: int) -> bool:
    """Sound that would end more than half a packet after the picture is left out."""
    if packet.pts is None or packet.time_base is None:
        return False
    half = Fraction(packet.duration or 0) / 2
    return bool((packet.pts + half) * packet.time_base < second)
