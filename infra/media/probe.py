"""Measure what a video file really holds, from its packets instead of its header."""

from pathlib import Path

from infra.media.clip import Clip, read_clip
from infra.media.container import decode, is_faststart, not_playable, open_video, read_packets
from schemas.ports import Probe

__all__ = ["Probe", "is_faststart", "probe", "probe_of"]


def probe(path: Path, *, decode: bool = False) -> Probe:
    """Read every packet, or with `decode` every frame. Raises `NotPlayable` if the file does not play to its end."""
    clip = read_clip(path)
    complaint = clip.complaint
    if decode and not complaint and (frames := _count_frames(clip)) < clip.picture.frames - 1:
        complaint = f"{frames} of {clip.picture.frames} frames can be decoded"
    if complaint:
        raise not_playable(path, complaint)
    return probe_of(clip)


def probe_of(clip: Clip, *, defect: str | None = None) -> Probe:
    """Return the probe of a clip that was read already."""
    picture = clip.picture
    width, height = picture.display_size
    return Probe(
        width=width,
        height=height,
        frames=picture.frames,
        fps=float(picture.fps),
        duration_seconds=float(clip.length),
        video_codec=picture.codec,
        audio_codec=clip.sound.codec if clip.sound else None,
        faststart=is_faststart(clip.path),
        defect=defect,
    )


def _count_frames(clip: Clip) -> int:
    """Decode picture and sound to the end, and count the frames of the picture."""
    with open_video(clip.path) as container:
        tracks = [container.streams[track.index] for track in (clip.picture, clip.sound) if track]
        frames = 0
        for packet in read_packets(container, *tracks):
            found = decode(packet)
            frames += len(found) if packet.stream.index == clip.picture.index else 0
    return frames
