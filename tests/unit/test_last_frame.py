"""The frame with which a scene goes on: the sharpest of the last half second, and always the same one."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from infra.adapters import Adapters
from infra.media.last_frame import measure_sharpness
from schemas.errors import Invalid

FPS = 24
WIDTH, HEIGHT = 96, 64
Picture = npt.NDArray[np.uint8]


def board(square: int, grey: int) -> Picture:
    """A chessboard on a grey that says which frame it is: the smaller its squares, the sharper."""
    rows, columns = np.indices((HEIGHT, WIDTH)) // square
    light = np.where((rows + columns) % 2, 20, -20) + grey
    return np.repeat(light.astype(np.uint8)[:, :, None], 3, axis=2)


def film(path: Path, picture_of: Callable[[int], Picture], seconds: float = 2) -> Path:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=FPS, options={"crf": "5", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(round(seconds * FPS)):
            frame = av.VideoFrame.from_ndarray(picture_of(number), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def grey_of(image: Path) -> float:
    with Image.open(image) as picture:
        return float(np.asarray(picture.convert("L"), np.float64).mean())


async def last_frame(clip: Path, to: Path, end_ms: int = 2000) -> Path:
    async with Adapters() as adapters:
        await (await adapters.film_editor()).last_frame(clip, to, end_ms=end_ms)
    return to


@pytest.mark.parametrize(
    ("sharp", "end_ms", "grey"),
    [
        ({40}, 2000, 140),  # in the window, eight frames before the end
        ({20}, 2000, 60),  # before the window: then all are alike, and the last one is shown
        ({20}, 1000, 120),  # where the film stops to show it
        ({40, 44}, 2000, 144),  # of equals the last one
    ],
)
async def test_the_sharpest_frame_of_the_last_half_second(
    tmp_path: Path, sharp: set[int], end_ms: int, grey: int
) -> None:
    clip = film(tmp_path / "clip.mp4", lambda number: board(4, 100 + number) if number in sharp else board(32, 60))
    assert grey_of(await last_frame(clip, tmp_path / "frame.jpg", end_ms)) == pytest.approx(grey, abs=3)


async def test_the_same_video_gives_the_same_frame_in_its_size(tmp_path: Path) -> None:
    clip = film(tmp_path / "clip.mp4", lambda number: board(2 + number % 7, 80 + number))
    first = await last_frame(clip, tmp_path / "first.jpg")
    again = await last_frame(clip, tmp_path / "again.jpg")
    assert first.read_bytes() == again.read_bytes()
    with Image.open(first) as picture:
        assert (picture.format, picture.size) == ("JPEG", (WIDTH, HEIGHT))


@pytest.mark.parametrize("seconds", [Fraction(1, FPS), Fraction(1, 4)])
async def test_a_video_shorter_than_the_window_has_one_too(tmp_path: Path, seconds: Fraction) -> None:
    clip = film(tmp_path / "clip.mp4", lambda _: board(8, 90), float(seconds))
    assert grey_of(await last_frame(clip, tmp_path / "frame.jpg", 5000)) == pytest.approx(90, abs=3)


@pytest.mark.parametrize("content", [b"", b"no video at all"])
async def test_a_file_that_is_no_video_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "clip.mp4").write_bytes(content)
    with pytest.raises(Invalid):
        await last_frame(tmp_path / "clip.mp4", tmp_path / "frame.jpg")


def test_sharpness_is_the_variance_of_the_laplacian() -> None:
    picture = np.zeros((5, 5), np.uint8)
    picture[2, 2] = 10
    frame = av.VideoFrame.from_ndarray(picture, format="gray")
    laplacian = np.array([[0, 10, 0], [10, -40, 10], [0, 10, 0]], np.float64)
    assert measure_sharpness(frame) == pytest.approx(float(laplacian.var()))
    assert measure_sharpness(av.VideoFrame.from_ndarray(np.full((9, 9), 77, np.uint8), format="gray")) == 0
