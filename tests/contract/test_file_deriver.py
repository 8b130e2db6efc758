"""What everything that makes files of videos promises: small files of what plays, and no video takes it down."""

import os
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from infra.adapters import Adapters
from schemas.ports import NotDerived
from tests.unit.check_clips import Faulty, cut_at, moving, tone_of

PATIENCE_S = 100.0


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Faulty(cut_at(2), tone_of(0.1), seconds=4).write(tmp_path_factory.mktemp("clip") / "clip.mp4")


async def test_a_sheet_has_25_pictures_in_their_order(clip: Path, tmp_path: Path) -> None:
    to = tmp_path / "sheet.jpg"
    await Adapters().deriver().derive("spritesheet", clip, to, within_s=PATIENCE_S)
    with Image.open(to) as sheet:
        assert (sheet.format, sheet.size) == ("JPEG", (5 * 192, 5 * 116))
        luma = np.asarray(sheet.convert("L"))
    dark = [bool(luma[row * 116 + 6, column * 192 + 180] < 140) for row in range(5) for column in range(5)]
    assert dark == [False] * 13 + [True] * 12 or dark == [False] * 12 + [True] * 13, dark


async def test_a_preview_is_short_small_and_silent(clip: Path, tmp_path: Path) -> None:
    to = tmp_path / "preview.mp4"
    await Adapters().deriver().derive("preview", clip, to, within_s=PATIENCE_S)
    with av.open(str(to)) as container:
        assert not container.streams.audio
        video = container.streams.video[0]
        frames = list(container.decode(video))
        assert (video.width, video.height, len(frames)) == (320, 192, 36)
    assert to.stat().st_size < 300_000


@pytest.mark.parametrize("variant", ["spritesheet", "preview"])
async def test_what_is_no_video_has_no_such_file(tmp_path: Path, variant: str) -> None:
    for content in (b"", b"no video at all" * 100):
        hostile, to = tmp_path / "hostile.mp4", tmp_path / "to"
        hostile.write_bytes(content)
        with pytest.raises(NotDerived):
            await Adapters().deriver().derive(variant, hostile, to, within_s=PATIENCE_S)
        assert os.listdir(tmp_path) == ["hostile.mp4"]


async def test_a_video_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    endless = tmp_path / "endless.mp4"
    os.mkfifo(endless)
    with pytest.raises(NotDerived, match="not finished"):
        await Adapters().deriver().derive("preview", endless, tmp_path / "to", within_s=1.0)


async def test_a_very_short_video_has_both(tmp_path: Path) -> None:
    short = Faulty(moving, None, seconds=0.25).write(tmp_path / "short.mp4")
    for variant in ("spritesheet", "preview"):
        await Adapters().deriver().derive(variant, short, tmp_path / variant, within_s=PATIENCE_S)
        assert (tmp_path / variant).stat().st_size > 0
