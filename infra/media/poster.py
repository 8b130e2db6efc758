"""The poster: one frame that stands for a video in a list or before it plays."""

from fractions import Fraction
from pathlib import Path

import av
from av.video.stream import VideoStream
from PIL import Image

from infra.media.clip import Clip, read_clip
from infra.media.container import is_local, not_playable, opened, read_frames
from infra.media.look import look_of
from infra.media.whole import whole

_QUALITY = 85
_SHARE = Fraction(1, 3)
"""A third in: past a fade from black, and before the story is over."""


def poster(path: Path, to: Path) -> None:
    """Write a progressive JPEG. Raises ValueError if the video does not play."""
    clip = read_clip(path)
    moment = clip.picture.start + int(clip.picture.frames * _SHARE) * clip.picture.step
    frame = _frame_at(clip, moment) or _frame_at(clip, None)
    if frame is None:
        raise not_playable(path, "no frame of it can be decoded")
    shown = look_of(clip, frame).dress(frame, clip.picture)
    with whole(to) as part:
        picture = Image.fromarray(shown.to_ndarray(format="rgb24"))  # four times as quick as `to_image`
        picture.save(part, format="JPEG", quality=_QUALITY, progressive=True, optimize=True)


def _frame_at(clip: Clip, moment: Fraction | None) -> av.VideoFrame | None:
    """Jump to the key frame before the moment and decode on from there; without a moment, the first frame."""
    with opened(clip.path) as container:
        stream = container.streams[clip.picture.index]
        assert isinstance(stream, VideoStream)
        base = stream.time_base or Fraction(1, 1000)
        try:
            if moment is not None:
                container.seek(int(moment / base), stream=stream)
        except av.FFmpegError as error:
            if is_local(error):
                raise
            return None
        latest = None
        for latest in read_frames(container, stream):
            if moment is None or latest.pts is None or latest.pts * base >= moment:
                break
        return latest
