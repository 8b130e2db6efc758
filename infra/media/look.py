"""Convert frames to the look of a finished video: upright, in one size, in pixels that every player supports."""

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
from av.video.frame import PictureType

from infra.media.clip import Clip, Picture, Turn

PIXELS = "yuv420p"
_TV, _FULL = 1, 2
_BT709, _UNSPECIFIED = 1, 2
_BLACK = (16, 128, 128)
_NEARLY_PX = 4
"""A picture that is narrower or lower by at most this is stretched: bars of a few pixels look like a fault."""

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """Size and colours of a finished video."""

    width: int
    height: int
    rate: Fraction
    matrix: int
    """The YUV matrix, by H.264's numbers."""
    primaries: int
    transfer: int

    def dress(self, frame: av.VideoFrame, picture: Picture) -> av.VideoFrame:
        """Convert a frame to this look. Black bars fill the space that another aspect ratio leaves free."""
        width, height = picture.display_size
        scale = min(self.width / width, self.height / height)
        width, height = max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)
        width = self.width if self.width - width <= _NEARLY_PX else width
        height = self.height if self.height - height <= _NEARLY_PX else height
        stored = (height, width) if picture.turn.swaps else (width, height)
        matrix = self.matrix if frame.colorspace == _UNSPECIFIED else int(frame.colorspace)
        # The pixel formats `yuvj…` are deprecated names for full range.
        is_full = frame.color_range == _FULL or frame.format.name.startswith("yuvj")
        shown = frame.reformat(
            *stored,
            PIXELS,
            src_colorspace=matrix,
            dst_colorspace=self.matrix,
            src_color_range=_FULL if is_full else _TV,
            dst_color_range=_TV,
        )
        if picture.turn != Turn() or (width, height) != (self.width, self.height):
            shown = self._place(shown, picture.turn)
        shown.pict_type = PictureType.NONE  # the encoder decides anew which frames are keys
        return shown

    def _place(self, frame: av.VideoFrame, turn: Turn) -> av.VideoFrame:
        data: Bytes = frame.to_ndarray().astype(np.uint8, copy=False)
        luma = data[: frame.height]
        chroma = data[frame.height :].reshape(2, frame.height // 2, frame.width // 2)
        planes = [_on_black(_upright(luma, turn), self.width, self.height, _BLACK[0])]
        for number, black in enumerate(_BLACK[1:]):
            planes.append(_on_black(_upright(chroma[number], turn), self.width // 2, self.height // 2, black))
        joined = np.concatenate([plane.reshape(-1) for plane in planes]).reshape(-1, self.width)
        return av.VideoFrame.from_ndarray(joined, format=PIXELS)


def look_of(clip: Clip, first: av.VideoFrame) -> Look:
    """Return the look that changes a clip least. `first` is one of its frames."""
    width, height = clip.picture.display_size
    is_rgb = first.format.is_rgb
    matrix = int(first.colorspace)
    return Look(
        width=max(2, width // 2 * 2),
        height=max(2, height // 2 * 2),
        rate=clip.picture.rate,
        matrix=_BT709 if is_rgb or matrix == 0 else matrix,
        primaries=int(first.color_primaries),
        transfer=int(first.color_trc),
    )


def _upright(plane: Bytes, turn: Turn) -> Bytes:
    plane = plane.T if turn.swaps else plane
    plane = plane[:, ::-1] if turn.mirrors_x else plane
    return plane[::-1] if turn.mirrors_y else plane


def _on_black(plane: Bytes, width: int, height: int, black: int) -> Bytes:
    if plane.shape == (height, width):
        return plane
    whole = np.full((height, width), black, np.uint8)
    top, left = (height - plane.shape[0]) // 2, (width - plane.shape[1]) // 2
    whole[top : top + plane.shape[0], left : left + plane.shape[1]] = plane
    return whole
