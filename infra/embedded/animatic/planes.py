"""Pictures as the encoder wants them: BT.709 luma and half-size chroma, so that no frame is converted twice."""

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
    """Both sides must be even."""
    luma, blue, red = to_yuv(np.asarray(image).astype(np.float32))
    return Planes(luma=_grey(luma), blue=_grey(halve(blue)), red=_grey(halve(red)))


def to_yuv(rgb: Floats) -> tuple[Floats, Floats, Floats]:
    """Studio-range values, unrounded and at full size."""
    yuv = rgb @ _WEIGHTS.T
    luma, blue, red = (yuv[..., part] + offset for part, offset in enumerate(_OFFSETS))
    return luma, blue, red


def halve(plane: Floats) -> Floats:
    """Each value is the mean of a square of four."""
    height, width = plane.shape
    mean: Any = plane.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3), dtype=np.float32)
    return np.asarray(mean, dtype=np.float32)


def _grey(plane: Floats) -> Image.Image:
    return Image.fromarray(np.clip(plane + 0.5, 0, 255).astype(np.uint8))
