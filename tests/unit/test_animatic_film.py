"""Whole films, decoded again: what the storyboard asks for is what is on the screen."""

import pickle
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from infra.animatic import render
from infra.media.probe import probe
from tests.unit.animatic_film import Frames, board, film, grey, scenery, sound, stored

WORDS = {
    "title": "The Workshop at Dawn",
    "description": "A craftsman planes a walnut board.",
    "script": "Every table begins with a tree.",
}


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (720, 1280), (322, 182)])
def test_size_length_rate_and_codecs_are_exact(tmp_path: Path, width: int, height: int) -> None:
    path = film(tmp_path / "film.mp4", width=width, height=height, **WORDS)
    found = probe(path, decode=True)
    assert (found.width, found.height) == (width, height)
    assert (found.frames, found.fps, found.duration_seconds) == (24, 24.0, 1.0)
    assert (found.video_codec, found.audio_codec, found.faststart) == ("h264", "aac", True)


def test_streams_are_what_players_expect(tmp_path: Path) -> None:
    with av.open(str(film(tmp_path / "film.mp4", duration_seconds=3, **WORDS))) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.profile, video.codec_context.pix_fmt) == ("High", "yuv420p")
        assert (video.codec_context.colorspace, video.codec_context.color_range) == (1, 1)
        assert (audio.codec_context.sample_rate, audio.codec_context.layout.name) == (48_000, "stereo")
        assert video.duration
        assert video.time_base
        assert audio.duration
        assert audio.time_base
        assert video.duration * video.time_base == 3
        assert abs(audio.duration * audio.time_base - 3) <= 1024 / 48_000
        assert container.metadata["title"] == WORDS["title"]
        assert container.metadata["comment"] == render.COMMENT


def test_the_same_board_gives_the_same_bytes_and_another_seed_another_film(tmp_path: Path) -> None:
    first, again, other = (film(tmp_path / f"{n}.mp4", seed=seed, **WORDS) for n, seed in enumerate((5, 5, 6)))
    assert first.read_bytes() == again.read_bytes()
    assert first.read_bytes() != other.read_bytes()


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("camera", ["static", "", "dolly in"])
def test_the_film_starts_from_the_picture(tmp_path: Path, format_: str, camera: str) -> None:
    path = film(tmp_path / "film.mp4", camera=camera, image=stored(scenery(), format_), **WORDS)
    wanted = np.asarray(scenery().resize((320, 180)).convert("L")).astype(int)
    with av.open(str(path)) as container:
        shown = next(container.decode(video=0)).to_ndarray(format="rgb24") @ np.array([0.299, 0.587, 0.114])
    below_the_slate = slice(30, None)
    assert np.abs(shown[below_the_slate] - wanted[below_the_slate]).mean() < 4


def shift(frames: Frames) -> tuple[int, int]:
    """How far the picture goes to the right and downwards between first and last frame, by phase correlation."""
    first, last = (np.fft.fft2(frame[30:, :] - frame.mean()) for frame in (frames[0], frames[-1]))
    cross = np.conj(first) * last
    peak = np.unravel_index(np.argmax(np.fft.ifft2(cross / (np.abs(cross) + 1e3)).real), first.shape)
    down, right = (int(at) if at < size / 2 else int(at) - size for at, size in zip(peak, first.shape, strict=True))
    return right, down


@pytest.mark.parametrize(
    ("camera", "right", "down"),
    [("fast pan right", -1, 0), ("fast pan left", 1, 0), ("fast tilt up", 0, 1), ("fast tilt down", 0, -1)],
)
def test_a_turning_camera_moves_the_picture_the_other_way(tmp_path: Path, camera: str, right: int, down: int) -> None:
    moved = shift(grey(film(tmp_path / "film.mp4", camera=camera, image=stored(scenery()))))
    assert np.sign(moved).tolist() == [right, down]
    assert max(map(abs, moved)) >= 4


@pytest.mark.parametrize(("camera", "grows"), [("fast zoom in", True), ("pull back fast", False)])
def test_zooming_changes_the_size_of_things(tmp_path: Path, camera: str, grows: bool) -> None:
    frame = scenery()
    frame.paste((255, 255, 255), (160, 82, 240, 142))
    frames = grey(film(tmp_path / "film.mp4", camera=camera, image=stored(frame)))
    first, last = (int((picture[60:130, 100:220] > 235).sum()) for picture in (frames[0], frames[-1]))
    assert (last > first * 1.05) if grows else (first > last * 1.05)


def test_a_static_camera_stands_still(tmp_path: Path) -> None:
    frames = grey(film(tmp_path / "film.mp4", image=stored(scenery())))
    assert np.abs(frames[-1] - frames[0])[30:].mean() < 1.5


@pytest.mark.parametrize("words", [{"title": "A title"}, {"description": "Some words"}, {"script": "Some words"}])
@pytest.mark.parametrize("image", [None, stored(scenery())])
def test_each_text_is_on_the_screen(tmp_path: Path, words: dict[str, str], image: bytes | None) -> None:
    style = {"style": "ocean", "image": image, "seed": 0}
    with_words = grey(film(tmp_path / "words.mp4", **style, **words))[12]
    without = grey(film(tmp_path / "none.mp4", **style))[12]
    letters = (with_words - without)[30:] > 40
    assert letters.sum() > 40, "letters are brighter than what they stand on"


def test_captions_change_as_the_film_goes_on(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", duration_seconds=6, image=stored(scenery()), **(WORDS | {"title": ""}))
    frames = grey(path)
    assert np.abs(frames[36, 120:] - frames[110, 120:]).mean() > 3


def test_letters_of_any_script_and_no_script_are_drawn(tmp_path: Path) -> None:
    text = "東京 안녕 مرحبا नमस्ते 👩‍💻🇫🇷 \U00013000 \ud800 \x00 a\u0301"
    path = film(tmp_path / "film.mp4", title=text, description=text, script=text)
    assert probe(path, decode=True).frames == 24


def test_silence_is_asked_for_and_else_there_is_quiet_sound(tmp_path: Path) -> None:
    silent = sound(film(tmp_path / "silent.mp4", audio=False, duration_seconds=2))
    heard = sound(film(tmp_path / "heard.mp4", audio=True, duration_seconds=2, music="upbeat"))
    assert np.abs(silent).max() == 0
    assert 0.01 < np.abs(heard).max() < 0.5
    assert abs(silent.shape[1] - 96_000) <= 1024


@pytest.mark.parametrize("bad", [{"width": 321}, {"height": 0}, {"duration_seconds": 0}, {"image": b"no picture"}])
def test_a_board_that_cannot_be_drawn_leaves_no_file(tmp_path: Path, bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"reference image|even numbers|at least 1 s"):
        film(tmp_path / "film.mp4", **bad)
    assert list(tmp_path.iterdir()) == []


def test_a_board_goes_to_another_process_without_loading_a_codec() -> None:
    assert pickle.loads(pickle.dumps(board(title="x"))) == board(title="x")
    code = "import sys, infra.animatic.storyboard; print({'av', 'PIL', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
