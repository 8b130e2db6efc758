"""The background card: a picture for a film that has none, different for every seed.

A canvas draws smooth shapes over each other, without jagged edges and without banding.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance

from infra.animatic.compositing import Floats
from infra.animatic.palette import Colour, Palette

_GRAIN_LEVELS = 0.5
"""Of 256: enough to hide the steps of a gradient, little enough for the encoder to pass over."""


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Mix two colours: `share` 0 gives the first, 1 the second."""
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
        """Fill with a gradient: `share` says for each pixel how much of the second colour it has."""
        self.pixels[:] = _floats(first)
        self.paint(second, share)

    def paint(self, colour: Colour, coverage: Floats) -> None:
        """Lay a colour over the canvas, as thickly as `coverage` says."""
        self.pixels[:] += (_floats(colour) - self.pixels) * np.clip(coverage, 0, 1)[..., None]

    def inside(self, distance: Floats) -> Floats:
        """Return how far each pixel is inside a shape, from its signed distance to the edge."""
        return _floats(np.clip(0.5 - distance / self.grain, 0, 1))

    def disc(self, centre: tuple[float, float], radius: float) -> Floats:
        """Return the signed distance to a circle."""
        return _floats(np.hypot(self.x - np.float32(centre[0]), self.y - np.float32(centre[1])) - np.float32(radius))

    def picture(self, generator: np.random.Generator) -> Image.Image:
        """Return the canvas as an image. Film grain keeps an 8-bit gradient from showing steps."""
        noise = generator.standard_normal(self.pixels.shape[:2], np.float32) * np.float32(_GRAIN_LEVELS)
        return Image.fromarray(np.clip(self.pixels + noise[..., None] + 0.5, 0, 255).astype(np.uint8))


def _floats(values: npt.ArrayLike) -> Floats:
    return np.asarray(values, np.float32)


def stretch(size: tuple[int, int]) -> Canvas:
    """Return an empty canvas of this size."""
    width, height = size
    short = min(size)
    x = _floats((np.arange(width) + 0.5) / short)[None, :]
    y = _floats((np.arange(height) + 0.5) / short)[:, None]
    return Canvas(np.zeros((height, width, 3), np.float32), x, y, 1.5 / short)


_DIMMED = 0.5


def draw(size: tuple[int, int], palette: Palette, seed: int) -> Image.Image:
    """Draw one of three compositions. The side where the text stands, and the corners, are darker."""
    generator = np.random.default_rng(seed)
    canvas = stretch(size)
    compose = (_draw_ridges, _draw_rings, _draw_sheets)[seed % 3]
    compose(canvas, palette, generator)
    upright = canvas.bottom > canvas.right
    towards_text = 1 - (canvas.y / canvas.bottom if upright else canvas.x / canvas.right)
    canvas.paint(palette.deep, 0.62 * np.clip(towards_text * 1.55 - 0.35, 0, 1) + canvas.x * 0 + canvas.y * 0)
    centre = (canvas.right / 2, canvas.bottom / 2)
    corner = canvas.disc(centre, 0.0) / np.float32(np.hypot(*centre))
    canvas.paint((0, 0, 0), 0.38 * np.clip(corner, 0, 1) ** 2.6)
    return canvas.picture(generator)


def dim(card: Image.Image) -> Image.Image:
    """Return the card half as bright, as a ground for notes."""
    return ImageEnhance.Brightness(card).enhance(_DIMMED)


def _draw_ridges(canvas: Canvas, palette: Palette, generator: np.random.Generator) -> None:
    """Draw a low sun behind hills. Each hill is nearer and darker than the one before."""
    sky: Floats = np.asarray((canvas.y / canvas.bottom) ** 1.3 + canvas.x * 0, np.float32)
    canvas.fill(palette.deep, mix(palette.base, palette.middle, 0.55), sky)
    horizon = canvas.bottom * generator.uniform(0.56, 0.66)
    sun = (canvas.right * generator.uniform(0.66, 0.76), horizon - generator.uniform(0.10, 0.2))
    distance = canvas.disc(sun, 0.0)
    canvas.paint(palette.accent, 0.38 * np.exp(-distance * 3.2))
    canvas.paint(mix(palette.accent, palette.light, 0.3), 0.92 * canvas.inside(distance - np.float32(0.17)))
    for layer in range(5):
        depth = layer / 4
        crest = horizon + (canvas.bottom - horizon) * depth * 0.72
        for wave in range(1, 5):
            height = 0.075 * (0.55 + 0.5 * depth) / wave**1.15
            turns = generator.uniform(1.1, 2.1) * wave
            crest = crest + height * np.sin(canvas.x * np.float32(turns) + np.float32(generator.uniform(0, 6.3)))
        distance = np.asarray(crest, np.float32) - canvas.y
        haze = np.clip(1 - (-distance) * 2.6, 0, 1) * (1 - depth) * 0.35
        canvas.paint(mix(mix(palette.middle, palette.base, 0.35), palette.deep, depth), canvas.inside(distance))
        canvas.paint(mix(palette.middle, palette.accent, 0.35), haze * canvas.inside(distance))


def _draw_rings(canvas: Canvas, palette: Palette, generator: np.random.Generator) -> None:
    """Draw broad rings around a corner, lit from one side. One of them has the accent colour."""
    slope: Floats = np.asarray((canvas.x / canvas.right + canvas.y / canvas.bottom) * 0.5, np.float32)
    canvas.fill(palette.deep, palette.base, slope)
    low = bool(generator.integers(2))
    centre = (canvas.right * generator.uniform(0.86, 0.98), canvas.bottom * (0.96 if low else 0.06))
    away = canvas.disc(centre, 0.0)
    angle = np.arctan2(canvas.y - np.float32(centre[1]), canvas.x - np.float32(centre[0]))
    light: Floats = np.asarray(0.5 + 0.5 * np.cos(angle - np.float32(generator.uniform(2.2, 4.0))), np.float32)
    edges = np.cumsum([0.2, *generator.uniform(0.13, 0.24, 4)])
    loud = int(generator.integers(1, 3))
    for ring in range(4, -1, -1):
        distance = away - np.float32(float(edges[ring]))
        canvas.paint((0, 0, 0), 0.32 * np.exp(-np.maximum(distance, 0) * 17))
        inside = canvas.inside(distance)
        quiet = mix(palette.middle, palette.base, 0.25 + 0.65 * (ring / 4))
        canvas.paint(mix(quiet, palette.deep, 0.45), inside)
        colour = palette.accent if ring == loud else mix(quiet, palette.light, 0.14)
        canvas.paint(colour, inside * (0.2 + 0.75 * light))


def _draw_sheets(canvas: Canvas, palette: Palette, generator: np.random.Generator) -> None:
    """Draw tilted sheets of coloured glass, and a bright disc half behind the edge of the last one."""
    canvas.fill(palette.base, palette.deep, (canvas.y / canvas.bottom) * 0.7 + (1 - canvas.x / canvas.right) * 0.4)
    tilt = generator.uniform(0.35, 0.7) * (1 if generator.integers(2) else -1)
    slope = np.float32(1 / np.hypot(1, tilt))
    for sheet in range(4):
        offset = canvas.right * (0.5 + 0.135 * sheet) + generator.uniform(-0.03, 0.03)
        if sheet == 3:
            low, height = tilt > 0 and canvas.right > canvas.bottom, generator.uniform(0.28, 0.4)
            y = canvas.bottom * (1 - height if low else height)
            x = offset + tilt * (y - canvas.bottom / 2)
            distance = canvas.disc((min(x, canvas.right * 0.9) - 0.05, y), 0.15)
            canvas.paint(palette.accent, 0.3 * np.exp(-np.maximum(distance, 0) * 5))
            canvas.paint(mix(palette.accent, palette.light, 0.15), canvas.inside(distance))
        shift = np.float32(tilt) * (canvas.y - np.float32(canvas.bottom / 2))
        distance = (np.float32(offset) - canvas.x + shift) * slope
        canvas.paint((0, 0, 0), 0.30 * np.exp(-np.maximum(distance, 0) * 14))
        inside = canvas.inside(distance)
        glow = np.exp(-np.maximum(-distance, 0) * 3.2)
        canvas.paint(mix(palette.base, palette.middle, 0.25 + 0.5 * (sheet / 3)), inside * 0.72)
        canvas.paint(mix(palette.middle, palette.light, 0.35), inside * glow * 0.38)
