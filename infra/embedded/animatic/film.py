"""The film: storyboard in, finished MP4 out. Runs in a process of its own and keeps only one frame in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
from PIL import Image, ImageOps

from infra.embedded.animatic import camera, card, mood, palette, picture, sound
from infra.embedded.animatic.layout import Layout
from infra.embedded.animatic.overlay import Overlay
from infra.embedded.animatic.planes import Bytes, Planes
from infra.embedded.animatic.reel import FRAME_RATE, Reel
from infra.embedded.animatic.script import has_notes, letter, reads_from_right
from infra.embedded.animatic.slate import Slate
from infra.embedded.animatic.stage import Stage, set_stage, stage_size
from infra.embedded.animatic.storyboard import Storyboard
from infra.embedded.animatic.travel import Box, plan
from infra.media.whole import whole

Frame = tuple[Bytes, Bytes, Bytes]


class Abandoned(Exception):
    """The folder of the film was removed while it was being made: its job was cancelled."""


def render(board: Storyboard, to: Path) -> None:
    """Write the film, whole or not at all. The same board gives the same bytes. Raises ValueError for a bad picture,
    and `Abandoned` within a second of film where the folder goes away."""
    _check(board)
    scene = _scene(board)
    with whole(to) as part:
        _shoot(board, scene, part)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Scene:
    """All that is drawn once."""

    stage: Stage
    overlays: tuple[Overlay, ...]
    slate: Slate

    def frame(self, number: int, total: int, size: tuple[int, int]) -> Frame:
        progress = number / max(1, total - 1)
        planes = _look(self.stage.picture, self.stage.travel.box(progress, self.stage.picture.size), size)
        for overlay in self.overlays:
            overlay.lay(planes, number / FRAME_RATE)
        for ink, plane in zip(self.slate.timecode(number, FRAME_RATE), planes, strict=True):
            ink.lay(plane, 256)
        return planes


def _check(board: Storyboard) -> None:
    if board.width < 2 or board.height < 2 or board.width % 2 or board.height % 2:
        raise ValueError(f"A film's sides are even numbers of pixels, not {board.width}x{board.height}.")
    if board.duration_seconds < 1:
        raise ValueError(f"A film lasts at least 1 s, not {board.duration_seconds} s.")


def _scene(board: Storyboard) -> _Scene:
    layout = Layout(width=board.width, height=board.height)
    seed = _seed(board)
    colours = palette.choose(board.style, f"{board.title} {board.description}", seed)
    move = camera.parse(board.camera)
    if board.image is None:
        frame_travel = plan(move, board.duration_seconds)
        image = card.draw(stage_size(layout.size, frame_travel), colours, seed)
        if has_notes(board):
            image = card.dim(image)
        if reads_from_right(board):
            image = ImageOps.mirror(image)
    else:
        image = picture.decode(board.image)
    slate = Slate(layout=layout, accent=colours.accent)
    overlays = (*letter(board, layout, colours.accent), slate.label(board.duration_seconds))
    return _Scene(stage=set_stage(image, layout.size, move, board.duration_seconds), overlays=overlays, slate=slate)


def _seed(board: Storyboard) -> int:
    """One seed for a series of scenes still gives each scene a card of its own."""
    text = f"{board.seed}\n{board.title}\n{board.description}"
    return crc32(text.encode("utf-8", "surrogatepass"))


def _shoot(board: Storyboard, scene: _Scene, to: Path) -> None:
    hearing = mood.hear(board.music) if board.audio else None
    with Reel.open(to, board) as reel:
        pictures = _frames(board, scene)
        for block in sound.blocks(hearing, _seed(board), board.duration_seconds):
            if not to.parent.is_dir():
                raise Abandoned(f"nobody waits for {to.name} any more")
            for _ in range(FRAME_RATE):
                reel.expose(next(pictures))
            reel.record(block)


def _frames(board: Storyboard, scene: _Scene) -> Iterator[Frame]:
    total = board.duration_seconds * FRAME_RATE
    for number in range(total):
        yield scene.frame(number, total, (board.width, board.height))


def _look(planes: Planes, box: Box, size: tuple[int, int]) -> Frame:
    """What the camera sees: cut and scaled in one step, which is what makes a slow move smooth."""
    half_size = (size[0] // 2, size[1] // 2)
    half_box = (box[0] / 2, box[1] / 2, box[2] / 2, box[3] / 2)
    return (
        _cut(planes.luma, box, size, Image.Resampling.BICUBIC),
        _cut(planes.blue, half_box, half_size, Image.Resampling.BILINEAR),
        _cut(planes.red, half_box, half_size, Image.Resampling.BILINEAR),
    )


def _cut(plane: Image.Image, box: Box, size: tuple[int, int], filter_: Image.Resampling) -> Bytes:
    right, bottom = min(box[2], plane.width), min(box[3], plane.height)
    inside = (max(0.0, box[0]), max(0.0, box[1]), right, bottom)
    return np.array(plane.resize(size, filter_, box=inside))
