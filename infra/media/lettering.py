"""Words in the picture of a film: title cards, and captions that are drawn into the frames.

The renderer's captions and cards do the drawing. A card is a clip of one frame, which the film holds.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from pathlib import Path
from zlib import crc32

import av
import numpy as np
from PIL import Image, ImageDraw, ImageOps

from infra.animatic import background, palette
from infra.animatic.bidi import is_right_to_left
from infra.animatic.compositing import Bytes, OverlayPlane, ink
from infra.animatic.layout import Layout, paint, shrink
from infra.animatic.text import clean
from infra.animatic.typeface import BOLD, SEMIBOLD
from infra.media.captions import Cue
from infra.media.look import PIXELS, Look
from infra.media.transcode import encode_frames

_OPAQUE = 256
_TITLE_SIZES = (92.0, 80.0, 70.0, 60.0, 52.0, 44.0, 38.0, 32.0, 26.0)
_CAPTION_SIZES = (33.0, 30.0, 27.0, 24.0, 20.0)
_TALL_CAPTION_SIZES = (36.0, 33.0, 30.0, 27.0, 24.0)
_PAPER = (0, 0, 0, 130)
_BT709, _UNSPECIFIED, _TV = 1, 2, 1
_GROUND_AT_MOST_PX = 1280
_STILL = {"preset": "fast", "crf": "6", "profile": "high", "threads": "1"}

Inks = tuple[OverlayPlane, OverlayPlane, OverlayPlane]


def write_card(text: str, look: Look, to: Path) -> None:
    """Write a card as a clip of one frame, in BT.709. A film that does not say its colours is mostly meant so too."""
    matrix = look.matrix if look.matrix == _UNSPECIFIED else _BT709
    drawn = replace(look, matrix=matrix, primaries=matrix, transfer=matrix)
    with av.open(str(to), "w", format="mp4") as container:
        for packet in encode_frames([draw_card(text, look.width, look.height)], drawn, container, _STILL):
            container.mux(packet)


def draw_card(text: str, width: int, height: int) -> av.VideoFrame:
    """Draw a card in BT.709. The same text makes the same card. Sides are even numbers of pixels."""
    text, layout = clean(text), Layout(width=width, height=height)
    seed = crc32(text.encode())
    colours = palette.choose("", text, seed)
    image = background.draw(_ground_size(width, height), colours, seed)
    image = ImageOps.mirror(image) if is_right_to_left(text) else image
    pixels = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))
    ground = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    room = (8, 1.0, BOLD) if layout.tall else (6, 0.8, BOLD)
    set_text = shrink(text, layout, _TITLE_SIZES, room)
    block = replace(set_text, accent=colours.accent, bar=bool(set_text.lines))
    inks = paint(block, layout, round((height - block.height_px) * 0.45))
    drawn = ground.reformat(format=PIXELS, dst_colorspace=_BT709, dst_color_range=_TV)
    flat = np.array(drawn.to_ndarray(), dtype=np.uint8).reshape(-1)
    _lay(flat, inks, width, height)
    return av.VideoFrame.from_ndarray(flat.reshape(-1, width), format=PIXELS)


def _ground_size(width: int, height: int) -> tuple[int, int]:
    """Return the size in which the ground of a card is drawn. In 4k its soft shapes would need half a gigabyte."""
    scale = min(1.0, _GROUND_AT_MOST_PX / max(width, height))
    return max(2, round(width * scale)), max(2, round(height * scale))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Drawn:
    """One caption as it is laid over frames."""

    cue: Cue
    inks: tuple[Inks, ...]


def draw_captions(frames: Iterable[av.VideoFrame], cues: Sequence[Cue], look: Look) -> Iterator[av.VideoFrame]:
    """Yield the frames with the captions in them. The drawing of one caption is in memory."""
    layout, waiting = Layout(width=look.width, height=look.height), iter(cues)
    cue, drawn = next(waiting, None), None
    for number, frame in enumerate(frames):
        at_ms = ceil(Fraction(number * 1000) / look.rate)
        while cue and cue.end_ms <= at_ms:
            cue, drawn = next(waiting, None), None
        if not cue or at_ms < cue.start_ms:
            yield frame
            continue
        drawn = drawn or _Drawn(cue=cue, inks=_draw_caption(cue, layout))
        flat = np.array(frame.to_ndarray(), dtype=np.uint8).reshape(-1)
        for inks in drawn.inks:
            _lay(flat, inks, look.width, look.height)
        yield av.VideoFrame.from_ndarray(flat.reshape(-1, look.width), format=PIXELS)


def _draw_caption(cue: Cue, layout: Layout) -> tuple[Inks, ...]:
    """Draw a caption in the middle of the lower edge, on a dark ground: white letters are lost on a bright picture."""
    sizes, room = (_TALL_CAPTION_SIZES, (4, 1.0, SEMIBOLD)) if layout.tall else (_CAPTION_SIZES, (2, 0.9, SEMIBOLD))
    block = shrink(cue.text, layout, sizes, room)
    width = ceil(max(block.type.width(line) for line in block.lines)) if block.lines else 0
    left, top = (layout.width - width) // 2, layout.height - layout.bottom_px - block.height_px
    begins = layout.width - layout.side_px - width if block.right_to_left else layout.side_px
    by = (left - begins) // 2 * 2
    words = [
        replace(plane, left=plane.left + (by if number == 0 else by // 2))
        for number, plane in enumerate(paint(block, layout, top))
    ]
    ground = Image.new("RGBA", layout.size, (0, 0, 0, 0))
    box = (
        left - layout.px(18),
        top - layout.px(8),
        left + width + layout.px(18),
        top + block.height_px + layout.px(10),
    )
    ImageDraw.Draw(ground).rounded_rectangle(box, radius=layout.px(8), fill=_PAPER)
    return ink(ground), (words[0], words[1], words[2])


def _lay(flat: Bytes, inks: Inks, width: int, height: int) -> None:
    """Lay a drawing over a frame, whose three planes follow each other."""
    size = width * height
    planes = (
        flat[:size].reshape(height, width),
        flat[size : size * 5 // 4].reshape(height // 2, width // 2),
        flat[size * 5 // 4 :].reshape(height // 2, width // 2),
    )
    for one, plane in zip(inks, planes, strict=True):
        one.lay(plane, _OPAQUE)
