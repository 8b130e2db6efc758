"""A file is what its bytes say, and half a file is no video."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from infra.media.editor import poster
from infra.media.probe import probe
from tests.unit.animatic_film import film, grey, scenery, stored


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("media") / "film.mp4"
    return film(path, duration_seconds=3, camera="fast pan right", image=stored(scenery()))


@pytest.mark.parametrize("decode", [False, True])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
def test_a_truncated_file_is_refused(tmp_path: Path, whole: Path, share: float, decode: bool) -> None:
    data = whole.read_bytes()
    path = tmp_path / "half.mp4"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ValueError, match=r"half\.mp4 is not a playable video: "):
        probe(path, decode=decode)


@pytest.mark.parametrize("data", [b"", b"hello", bytes(4096), stored(scenery(), "PNG")])
def test_garbage_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "garbage.mp4"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"garbage\.mp4 is not a playable video: "):
        probe(path)


def test_a_missing_file_is_not_called_broken(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        probe(tmp_path / "nothing.mp4")


def outcome(path: Path, *, decode: bool) -> tuple[int, str]:
    try:
        return probe(path, decode=decode).frames, ""
    except ValueError as error:
        return 0, str(error)


@given(data=st.data(), decode=st.booleans())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_damaged_file_is_either_read_or_refused(
    tmp_path: Path, whole: Path, data: st.DataObject, decode: bool
) -> None:
    damaged = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(1, 20))):
        at = data.draw(st.integers(0, min(len(damaged), 9_000) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.mp4"
    path.write_bytes(damaged)
    frames, complaint = outcome(path, decode=decode)
    assert frames > 0 or "damaged.mp4 is not a playable video" in complaint


def test_the_poster_is_a_progressive_jpeg_of_the_first_third(tmp_path: Path, whole: Path) -> None:
    poster(whole, tmp_path / "poster.jpg")
    with Image.open(tmp_path / "poster.jpg") as image:
        assert (image.format, image.size, "progression" in image.info) == ("JPEG", (320, 180), True)
        shown = np.asarray(image.convert("L")).astype(int)
    differences = [np.abs(frame - shown)[30:].mean() for frame in grey(whole)]
    assert abs(int(np.argmin(differences)) - 24) <= 1


def test_no_poster_of_what_does_not_play(tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="not a playable video"):
        poster(tmp_path / "bad.mp4", tmp_path / "poster.jpg")
    assert not (tmp_path / "poster.jpg").exists()
