"""The last good frame of a video: the sharpest of its last half second, as a JPEG that another scene begins with.

A single last frame is often blurred by motion or half faded, so that a window is looked at. Sharpness is the variance
of the Laplacian of the brightness, which only computes with whole numbers: the same video gives the same frame.
"""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from infra.atomic_file import write_atomically
from infra.media.clip import Clip, read_clip
from infra.media.container import not_playable
from infra.media.look import look_of
from infra.media.transcode import decode_frames

WINDOW_S = Fraction(1, 2)
_QUALITY = 95
"""Each scene of a chain is made from such a picture: what it loses, all scenes after it have lost."""


def write_last_frame(path: Path, to: Path, *, end_ms: int) -> None:
    """Write the sharpest frame of the half second before `end_ms`. Raises `NotPlayable` if none can be decoded."""
    clip = read_clip(path)
    frame = _sharpest(clip, min(Fraction(end_ms, 1000), clip.length))
    if frame is None:
        raise not_playable(path, "no frame of it can be decoded")
    shown = look_of(clip, frame).dress(frame, clip.picture)
    with write_atomically(to) as part:
        picture = Image.fromarray(shown.to_ndarray(format="rgb24"))
        picture.save(part, format="JPEG", quality=_QUALITY, subsampling=0)


def _sharpest(clip: Clip, end: Fraction) -> av.VideoFrame | None:
    """Return the sharpest frame that is shown in the window, the last one of several; else the one before it."""
    best: av.VideoFrame | None = None
    sharpest = -1.0
    for frame, start in decode_frames(clip):
        if best is not None and start >= end:
            break
        if start < end - WINDOW_S:
            best = frame
        elif (sharpness := measure_sharpness(frame)) >= sharpest:
            best, sharpest = frame, sharpness
    return best


def measure_sharpness(frame: av.VideoFrame) -> float:
    """Return the variance of the Laplacian of a frame's brightness: the larger, the sharper."""
    grey = frame.reformat(format="gray").to_ndarray().astype(np.int16)
    if min(grey.shape) < 3:
        return 0.0
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * grey[1:-1, 1:-1]
    # Sums of whole numbers do not depend on the order in which a machine adds.
    total, squares = int(laplacian.sum(dtype=np.int64)), int(np.square(laplacian, dtype=np.int64).sum())
    return squares / laplacian.size - (total / laplacian.size) ** 2
