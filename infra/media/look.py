"""How the frames of a finished video look: upright, in one size, in pixels that every player knows."""

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
"""A picture that misses the size by so little is stretched: bars of a few pixels look like a fault."""

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """Size and colours of a finished video."""

    width: int
    height: int
    rate: Fraction
    matrix: int
    """How colours are written as brightness and differences, as H.264 numbers it."""
    primaries: int
    transfer: int

    def dress(self, frame: av.VideoFrame, picture: Picture) -> av.VideoFrame:
        """The frame in this look. Bars fill what another shape leaves free."""
        width, height = self._fit(picture)
        stored = (height, width) if picture.turn.swaps else (width, height)
        matrix = self.matrix if frame.colorspace == _UNSPECIFIED else int(frame.colorspace)
        # The codecs' old names for full range say the same thing twice.
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
            shown = self._placed(shown, picture.turn)
        shown.pict_type = PictureType.NONE  # the encoder decides anew which frames are keys
        return shown

    def _fit(self, picture: Picture) -> tuple[int, int]:
        width, height = picture.shown_size
        scale = min(self.width / width, self.height / height)
        fit_width, fit_height = max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)
        return (
            self.width if self.width - fit_width <= _NEARLY_PX else fit_width,
            self.height if self.height - fit_height <= _NEARLY_PX else fit_height,
        )

    def _placed(self, frame: av.VideoFrame, turn: Turn) -> av.VideoFrame:
        data: Bytes = frame.to_ndarray().astype(np.uint8, copy=False)
        luma = data[: frame.height]
        chroma = data[frame.height :].reshape(2, frame.height // 2, frame.width // 2)
        planes = [_on_black(_upright(luma, turn), self.width, self.height, _BLACK[0])]
        for number, black in enumerate(_BLACK[1:]):
            planes.append(_on_black(_upright(chroma[number], turn), self.width // 2, self.height // 2, black))
        joined = np.concatenate([plane.reshape(-1) for plane in planes]).reshape(-1, self.width)
        return av.VideoFrame.from_ndarray(joined, format=PIXELS)


def look_of(clip: Clip, first: av.VideoFrame) -> Look:
    """The look that changes a clip least. `first` is a frame of it."""
    width, height = clip.picture.shown_size
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
