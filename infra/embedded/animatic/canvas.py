"""A painter's canvas: smooth shapes laid over each other without jagged edges and without banding."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PIL import Image

from infra.embedded.animatic.palette import Colour
from infra.embedded.animatic.planes import Floats

_GRAIN_LEVELS = 0.5
"""Of 256: enough to hide the steps of a gradient, little enough for the encoder to pass over."""


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """`share` 0 is the first colour, 1 the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


@dataclass(frozen=True, slots=True)
class Canvas:
    """Coordinates are in short sides of the picture: 0 is the left or top edge, and 1 the end of the short side."""

    pixels: Floats
    x: Floats = field(repr=False)
    y: Floats = field(repr=False)
    grain: float
    """One pixel, in the same unit: edges are softened over this distance."""

    @property
    def right(self) -> float:
        return float(self.x[0, -1])

    @property
    def bottom(self) -> float:
        return float(self.y[-1, 0])

    def fill(self, first: Colour, second: Colour, share: Floats) -> None:
        """A gradient: `share` says for each pixel how much of the second colour it has."""
        self.pixels[:] = _floats(first)
        self.paint(second, share)

    def paint(self, colour: Colour, coverage: Floats) -> None:
        """Lay a colour over what is there, as thickly as `coverage` says."""
        self.pixels[:] += (_floats(colour) - self.pixels) * np.clip(coverage, 0, 1)[..., None]

    def inside(self, distance: Floats) -> Floats:
        """How far each pixel lies inside a shape, from its signed distance to the edge."""
        return _floats(np.clip(0.5 - distance / self.grain, 0, 1))

    def disc(self, centre: tuple[float, float], radius: float) -> Floats:
        """Signed distance to a circle."""
        return _floats(np.hypot(self.x - np.float32(centre[0]), self.y - np.float32(centre[1])) - np.float32(radius))

    def picture(self, generator: np.random.Generator) -> Image.Image:
        """Film grain is what keeps an 8-bit gradient from showing steps."""
        noise = generator.standard_normal(self.pixels.shape[:2], np.float32) * np.float32(_GRAIN_LEVELS)
        return Image.fromarray(np.clip(self.pixels + noise[..., None] + 0.5, 0, 255).astype(np.uint8))


def _floats(values: npt.ArrayLike) -> Floats:
    return np.asarray(values, np.float32)


def stretch(size: tuple[int, int]) -> Canvas:
    """An empty canvas."""
    width, height = size
    short = min(size)
    x = _floats((np.arange(width) + 0.5) / short)[None, :]
    y = _floats((np.arange(height) + 0.5) / short)[:, None]
    return Canvas(np.zeros((height, width, 3), np.float32), x, y, 1.5 / short)
