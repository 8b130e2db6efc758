"""What every editor promises: exact lengths, whole files, and clear errors for what is no video."""

from collections.abc import AsyncIterator, Awaitable, Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from infra.adapters import Adapters
from schemas.errors import Invalid, LocalDisk
from schemas.ports import Editor
from tests.disks import fill, small_disk
from tests.unit.media_clips import Film

FRAME_S = 1 / 24

Calls = tuple[Callable[[], Awaitable[object]], ...]


@pytest.fixture
async def editor() -> AsyncIterator[Editor]:
    async with Adapters() as adapters:
        yield await adapters.editor()


def film(path: Path, seconds: float, *, sound: str | None = "aac", size: tuple[int, int] = (64, 48)) -> Path:
    return Film(seconds=seconds, sound=sound, size=size, container={"movflags": "+faststart"}).write(path)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return film(tmp_path / "clip.mp4", 3.0)


@pytest.fixture
def rubbish(tmp_path: Path) -> Path:
    path = tmp_path / "rubbish.mp4"
    path.write_bytes(b"no video at all" * 100)
    return path


@pytest.fixture
def cut_off(tmp_path: Path, clip: Path) -> Path:
    """A video whose index promises more than the file holds."""
    path = tmp_path / "cut_off.mp4"
    content = clip.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    return path


@pytest.mark.parametrize("seconds", [2, 3])
async def test_one_clip_becomes_exactly_as_long(editor: Editor, clip: Path, tmp_path: Path, seconds: int) -> None:
    to = tmp_path / "to.mp4"
    made = await editor.assemble([clip], duration_seconds=seconds, to=to)
    assert made == await editor.probe(to)
    assert abs(made.duration_seconds - seconds) <= FRAME_S
    assert (made.faststart, made.defect, made.width, made.height) == (True, None, 64, 48)


async def test_clips_are_joined_in_their_order_and_cut(editor: Editor, tmp_path: Path) -> None:
    first = Film(seconds=2, flashes=()).write(tmp_path / "first.mp4")
    second = Film(seconds=3, flashes=(0.0, 0.1)).write(tmp_path / "second.mp4")
    to = tmp_path / "to.mp4"
    made = await editor.assemble([first, second], duration_seconds=4, to=to)
    assert abs(made.duration_seconds - 4) <= FRAME_S
    assert (made.faststart, made.defect) == (True, None)
    (flash,) = _bright_stretches(to)
    assert abs(flash - 2) <= 2 * FRAME_S


def _content(path: Path) -> bytes:
    return path.read_bytes()


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _bright_stretches(path: Path) -> list[float]:
    """When a bright stretch of frames begins, in seconds."""
    with av.open(str(path)) as container:
        bright = [float(np.mean(frame.to_ndarray(format="gray"))) > 128 for frame in container.decode(video=0)]
    return [at * FRAME_S for at, now in enumerate(bright) if now and not (at and bright[at - 1])]


async def test_clips_of_different_kinds_are_joined(editor: Editor, tmp_path: Path) -> None:
    first = film(tmp_path / "first.mp4", 2)
    second = Film(seconds=2, fps=Fraction(30), size=(48, 64), sound=None, codec="mpeg4").write(tmp_path / "second.mp4")
    made = await editor.assemble([first, second], duration_seconds=4, to=tmp_path / "to.mp4")
    assert abs(made.duration_seconds - 4) <= FRAME_S
    assert (made.width, made.height, made.defect) == (64, 48, None)
    assert made.audio_codec is not None


async def test_what_is_too_short_is_delivered_with_its_defect(editor: Editor, clip: Path, tmp_path: Path) -> None:
    to = tmp_path / "to.mp4"
    made = await editor.assemble([clip], duration_seconds=8, to=to)
    assert made.defect
    assert 3 - FRAME_S <= made.duration_seconds < 8
    assert (await editor.probe(to)).defect is None


async def test_what_is_kept_is_the_longest_clip_as_it_came(editor: Editor, clip: Path, tmp_path: Path) -> None:
    short = film(tmp_path / "short.mp4", 1)
    to = tmp_path / "to.mp4"
    made = await editor.keep([short, clip], to=to, defect="the rest is missing")
    assert _content(to) == _content(clip)
    assert made.defect == "the rest is missing"
    assert abs(made.duration_seconds - 3) <= FRAME_S


async def test_the_length_is_measured(editor: Editor, clip: Path) -> None:
    assert await editor.measure(clip) == pytest.approx(3, abs=FRAME_S)


async def test_only_what_can_be_played_is_measured(editor: Editor, cut_off: Path) -> None:
    assert 0 < await editor.measure(cut_off) < 3


async def test_the_poster_is_a_jpeg_of_the_video_s_size(editor: Editor, tmp_path: Path) -> None:
    video = Film(seconds=3, flashes=(0.95, 1.0, 1.05)).write(tmp_path / "video.mp4")
    to = tmp_path / "poster.jpg"
    await editor.poster(video, to)
    with Image.open(to) as picture:
        assert (picture.format, picture.size) == ("JPEG", (64, 48))
        assert np.mean(np.asarray(picture.convert("L"))) > 128  # a third in, and so the bright part


async def test_the_probe_says_what_a_file_holds(editor: Editor, tmp_path: Path) -> None:
    found = await editor.probe(film(tmp_path / "silent.mp4", 2, sound=None))
    assert (found.width, found.height, found.frames, found.fps) == (64, 48, 48, 24)
    assert (found.video_codec, found.audio_codec, found.faststart, found.defect) == ("h264", None, True, None)
    assert found.duration_seconds == pytest.approx(2, abs=0.001)


async def test_what_does_not_play_to_its_end_is_invalid(editor: Editor, cut_off: Path) -> None:
    with pytest.raises(Invalid, match=r"cut_off\.mp4"):
        await editor.probe(cut_off)


async def test_what_is_no_video_is_invalid(editor: Editor, rubbish: Path, clip: Path, tmp_path: Path) -> None:
    to = tmp_path / "to.mp4"
    calls: Calls = (
        lambda: editor.assemble([clip, rubbish], duration_seconds=4, to=to),
        lambda: editor.keep([rubbish], to=to, defect="broken"),
        lambda: editor.measure(rubbish),
        lambda: editor.poster(rubbish, to),
        lambda: editor.probe(rubbish),
    )
    for call in calls:
        with pytest.raises(Invalid, match=r"rubbish\.mp4"):
            await call()
    assert _names(tmp_path) == ["clip.mp4", "rubbish.mp4"]


async def test_a_full_disk_is_no_fault_of_the_video(editor: Editor, clip: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        ballast = fill(disk)
        calls: Calls = (
            lambda: editor.assemble([clip], duration_seconds=3, to=disk / "to.mp4"),
            lambda: editor.keep([clip], to=disk / "to.mp4", defect="short"),
        )
        for call in calls:
            with pytest.raises(LocalDisk):
                await call()
        assert _names(disk) == ["ballast"]
        ballast.unlink()
        assert (await editor.assemble([clip], duration_seconds=3, to=disk / "to.mp4")).defect is None
