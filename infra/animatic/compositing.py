"""Pictures and overlays in the encoder's own format: BT.709 luma and half-size chroma, converted once.

An overlay is drawn once, then laid over every frame of its time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

_WEIGHTS: Floats = np.array(
    [
        [0.18259, 0.61423, 0.06201],
        [-0.10064, -0.33857, 0.43922],
        [0.43922, -0.39894, -0.04027],
    ],
    dtype=np.float32,
)
_OFFSETS = (16.0, 128.0, 128.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Planes:
    """One picture in three greyscale parts, ready to be cut and scaled."""

    luma: Image.Image
    blue: Image.Image
    red: Image.Image

    @property
    def size(self) -> tuple[int, int]:
        return self.luma.size


def from_rgb(image: Image.Image) -> Planes:
    """Convert an image. Both its sides must be even."""
    luma, blue, red = to_yuv(np.asarray(image).astype(np.float32))
    return Planes(luma=_grey(luma), blue=_grey(halve(blue)), red=_grey(halve(red)))


def to_yuv(rgb: Floats) -> tuple[Floats, Floats, Floats]:
    """Convert to studio-range values, unrounded and at full size."""
    yuv = rgb @ _WEIGHTS.T
    luma, blue, red = (yuv[..., part] + offset for part, offset in enumerate(_OFFSETS))
    return luma, blue, red


def halve(plane: Floats) -> Floats:
    """Return a plane of half the size: each value is the mean of a square of four."""
    height, width = plane.shape
    mean: Any = plane.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3), dtype=np.float32)
    return np.asarray(mean, dtype=np.float32)


def _grey(plane: Floats) -> Image.Image:
    return Image.fromarray(np.clip(plane + 0.5, 0, 255).astype(np.uint8))


Words = npt.NDArray[np.uint16]

_OPAQUE = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class OverlayPlane:
    """One plane of an overlay: its values times its opacity, and its opacity; 256 is opaque."""

    top: int
    left: int
    weighted: Words
    opacity: Words

    def lay(self, plane: Bytes, strength: int) -> None:
        height, width = self.opacity.shape
        under = plane[self.top : self.top + height, self.left : self.left + width]
        weighted, opacity = self.weighted, self.opacity
        if strength < _OPAQUE:
            weighted, opacity = _fade(weighted, strength), _fade(opacity, strength)
        under[:] = (under * (_OPAQUE - opacity) + weighted + 127) >> 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Overlay:
    """When something is shown, how long its fades take, and its three planes."""

    start_s: float
    end_s: float
    fade_in_s: float = 0.25
    fade_out_s: float = 0.25
    inks: tuple[OverlayPlane, OverlayPlane, OverlayPlane]

    def lay(self, planes: Sequence[Bytes], second: float) -> None:
        if not self.start_s <= second < self.end_s:
            return
        fade_in = (second - self.start_s) / self.fade_in_s if self.fade_in_s else 1.0
        fade_out = (self.end_s - second) / self.fade_out_s if self.fade_out_s else 1.0
        strength = round(_OPAQUE * min(1.0, fade_in, fade_out))
        if strength > 0:
            for ink, plane in zip(self.inks, planes, strict=True):
                ink.lay(plane, strength)


def ink(image: Image.Image, at: tuple[int, int] = (0, 0)) -> tuple[OverlayPlane, OverlayPlane, OverlayPlane]:
    """Turn an RGBA drawing into planes, cut to the part that is drawn on. Its sides and place are even numbers."""
    left, top, right, bottom = _even(image.getchannel("A").getbbox() or (0, 0, 2, 2), image.size)
    drawn = np.asarray(image.crop((left, top, right, bottom))).astype(np.float32)
    opacity: Floats = drawn[..., 3] * np.float32(_OPAQUE / 255)
    luma, blue, red = (part * opacity for part in to_yuv(drawn[..., :3]))
    small = _whole(halve(opacity))
    left, top = left + at[0], top + at[1]
    return (
        OverlayPlane(top=top, left=left, weighted=_whole(luma), opacity=_whole(opacity)),
        OverlayPlane(top=top // 2, left=left // 2, weighted=_whole(halve(blue)), opacity=small),
        OverlayPlane(top=top // 2, left=left // 2, weighted=_whole(halve(red)), opacity=small),
    )


def _fade(values: Words, strength: int) -> Words:
    return ((values.astype(np.uint32) * np.uint32(strength)) >> 8).astype(np.uint16)


def _even(box: tuple[int, int, int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    left, top, right, bottom = box
    return left - left % 2, top - top % 2, min(size[0], right + right % 2), min(size[1], bottom + bottom % 2)


def _whole(values: Floats) -> Words:
    return (values + np.float32(0.5)).astype(np.uint16)
