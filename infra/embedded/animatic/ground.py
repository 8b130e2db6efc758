"""The ground under a drawing on a clear sheet: paper from which the drawing differs."""

import numpy as np
from PIL import Image

_PAPERS = ((18, 20, 24), (244, 243, 238), (128, 128, 126))
"""Dark, as the films are; light, for dark drawings; and one for drawings that have both."""
_LEAST_CONTRAST = 72
"""Levels of 255 between a line and its paper."""
_SAMPLE_PX = 1024
_TOLERANCE = 0.02
"""Less of the drawing than this may be as bright as its paper: a shadow, or the edge of a line."""


def lay_on_paper(colours: Image.Image, alpha: Image.Image) -> Image.Image:
    """Return the colours over the paper that hides least of them."""
    paper = Image.new("RGB", colours.size, _choose(colours, alpha))
    paper.paste(colours, (0, 0), alpha)
    return paper


def _choose(colours: Image.Image, alpha: Image.Image) -> tuple[int, int, int]:
    step = max(1, max(colours.size) // _SAMPLE_PX)
    luma = np.asarray(colours.convert("L"))[::step, ::step].astype(np.int16)
    weight = np.asarray(alpha)[::step, ::step].astype(np.float32)
    total = float(weight.sum())
    hidden = {paper: float(weight[np.abs(luma - paper[1]) < _LEAST_CONTRAST].sum()) for paper in _PAPERS}
    return min(_PAPERS, key=lambda paper: max(hidden[paper] - _TOLERANCE * total, 0))
