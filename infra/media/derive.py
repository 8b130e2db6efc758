"""A sprite sheet and a short preview of a finished video. `derive` runs in a child process, see `infra.media.limited`.

Both are small whatever the video is: a sheet has at most 25 pictures of 192 pixels, a preview 3 s of 320 pixels.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.video.frame import PictureType
from PIL import Image

from infra.atomic_file import write_atomically
from infra.media.clip import Clip, read_clip
from infra.media.container import not_playable, open_video, read_frames
from infra.media.measure import PIXELS_AT_MOST

COLUMNS = ROWS = 5
_TILE_PX, _PREVIEW_PX = 192, 320
_QUALITY = 80
PREVIEW_S = 3
_PREVIEW_FPS = 12
_BEGINS_AT = Fraction(1, 3)
"""As the poster does: after a fade from black."""
_X264 = {"preset": "veryfast", "crf": "28", "profile": "main", "threads": "1"}


def derive(variant: str, video: Path, to: Path) -> None:
    """Write the file. Raises `ValueError` for a video that is too large or can't be decoded."""
    clip = read_clip(video)
    if clip.picture.width * clip.picture.height > PIXELS_AT_MOST:
        raise ValueError("it has more than 8192 × 4320 pixels")
    with write_atomically(to) as part:
        if variant == "spritesheet":
            _write_sheet(clip, part)
        else:
            _write_preview(clip, part)


def _write_sheet(clip: Clip, to: Path) -> None:
    """Write pictures at equal distances, row by row, as one JPEG."""
    width, height = _size(clip, _TILE_PX)
    count = min(COLUMNS * ROWS, clip.picture.frames)
    moments = [clip.length * (2 * number + 1) / (2 * count) for number in range(count)]
    sheet = Image.new("RGB", (width * min(COLUMNS, count), height * -(-count // COLUMNS)))
    number = 0
    for number, frame in enumerate(_frames_at(clip, moments), 1):
        tile = frame.reformat(width=width, height=height, format="rgb24").to_ndarray()
        row, column = divmod(number - 1, COLUMNS)
        sheet.paste(Image.fromarray(tile), (column * width, row * height))
    if not number:
        raise not_playable(clip.path, "no frame of it can be decoded")
    sheet.save(to, format="JPEG", quality=_QUALITY, optimize=True)


def _write_preview(clip: Clip, to: Path) -> None:
    """Write 3 s from a third of the video on, without sound."""
    width, height = _size(clip, _PREVIEW_PX)
    length = min(Fraction(PREVIEW_S), clip.length)
    begin = min(clip.length * _BEGINS_AT, clip.length - length)
    count = max(1, int(length * _PREVIEW_FPS))
    moments = [begin + Fraction(number, _PREVIEW_FPS) for number in range(count)]
    with av.open(str(to), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream: Any = container.add_stream("libx264", rate=_PREVIEW_FPS, options=_X264)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number, frame in enumerate(_frames_at(clip, moments)):
            small = frame.reformat(width=width, height=height, format="yuv420p")
            small.pts, small.time_base = number, Fraction(1, _PREVIEW_FPS)
            small.pict_type = PictureType.NONE
            container.mux(stream.encode(small))
        container.mux(stream.encode(None))


def _frames_at(clip: Clip, moments: list[Fraction]) -> Iterator[av.VideoFrame]:
    """Decode once, and yield the frame that is shown at each of these moments, which are in order."""
    wanted = iter(moments)
    moment = next(wanted, None)
    held: av.VideoFrame | None = None
    with open_video(clip.path) as container:
        stream: Any = container.streams[clip.picture.index]
        stream.thread_count = 1
        for frame in read_frames(container, stream):
            start = (frame.pts or 0) * stream.time_base - clip.origin
            while held is not None and moment is not None and moment < start:
                yield held
                moment = next(wanted, None)
            if moment is None:
                return
            held = frame
    while held is not None and moment is not None:
        yield held
        moment = next(wanted, None)


def _size(clip: Clip, long_side: int) -> tuple[int, int]:
    """Return even sides, the longer one of this many pixels, in the shape that a player shows."""
    width, height = clip.picture.display_size
    scale = long_side / max(width, height)
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)
