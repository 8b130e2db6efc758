"""Small films for the tests, and ways to look at them."""

from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter
from PIL import Image

from infra.animatic.render import render
from infra.animatic.storyboard import Storyboard

Frames = npt.NDArray[np.int16]
_TO_GREY = VideoReformatter()
"""It keeps its tables from frame to frame; a frame's own `reformat` computes them anew, which takes milliseconds."""

EMPTY: dict[str, Any] = {
    "width": 320,
    "height": 180,
    "duration_seconds": 1,
    "seed": 7,
    "title": "",
    "description": "",
    "script": "",
    "camera": "static",
    "music": "",
    "style": "",
    "audio": True,
    "image": None,
}


def board(**changes: Any) -> Storyboard:
    return Storyboard(**(EMPTY | changes))


def scenery(width: int = 400, height: int = 225) -> Image.Image:
    """A picture with something to see at every place, and nothing too fine for the encoder."""
    small = np.random.default_rng(3).integers(40, 216, (9, 16, 3), np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def stored(image: Image.Image, format_: str = "PNG") -> bytes:
    file = BytesIO()
    image.save(file, format_)
    return file.getvalue()


def film(path: Path, **changes: Any) -> Path:
    render(board(**changes), path)
    return path


def grey(path: Path) -> Frames:
    """All frames, decoded, as brightness."""
    with av.open(str(path)) as container:
        shown = [_TO_GREY.reformat(frame, format="gray") for frame in container.decode(video=0)]
        return np.array([frame.to_ndarray() for frame in shown], np.int16)


def sound(path: Path) -> npt.NDArray[np.float32]:
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
