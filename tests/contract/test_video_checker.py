"""What every checker of videos promises: it measures what plays, and no file takes it down."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infra.media.checker import ChildChecker
from schemas.domain.checks import CheckRules
from schemas.ports import NotMeasured, VideoChecker
from tests.unit.check_clips import Faulty, black_from, moving, tone_of

RULES = CheckRules()
PATIENCE_S = 100.0


@pytest.fixture(scope="module")
def checker() -> Iterator[VideoChecker]:
    """One for all tests of this file: a start costs a second."""
    checker = ChildChecker(1)
    yield checker
    asyncio.run(checker.aclose())


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return Faulty(moving, tone_of(0.1), seconds=2).write(tmp_path / "clip.mp4")


async def test_what_plays_is_measured(checker: VideoChecker, clip: Path, tmp_path: Path) -> None:
    same, other = tmp_path / "same.png", tmp_path / "other.png"
    Image.fromarray(moving(0)).save(same)
    Image.fromarray(np.indices((96, 160)).sum(axis=0).astype(np.uint8) // 8 % 2 * 255).save(other)
    found = await checker.measure(clip, RULES, reference=same, within_s=PATIENCE_S)
    assert found.seconds == pytest.approx(2, abs=0.1)
    assert (list(found.black), list(found.frozen), list(found.cuts), found.has_sound) == ([], [], [], True)
    assert found.first_frame_ssim is not None
    assert found.first_frame_ssim > 0.9
    differs = await checker.measure(clip, RULES, reference=other, within_s=PATIENCE_S)
    assert differs.first_frame_ssim is not None
    assert differs.first_frame_ssim < RULES.first_frame_ssim


async def test_the_rules_decide_what_is_found(checker: VideoChecker, tmp_path: Path) -> None:
    dark = Faulty(black_from(1), tone_of(0.1), seconds=2).write(tmp_path / "dark.mp4")
    assert (await checker.measure(dark, RULES, within_s=PATIENCE_S)).black
    assert not (await checker.measure(dark, CheckRules(black_s=1.5), within_s=PATIENCE_S)).black


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"no video at all" * 100, id="rubbish"),
        pytest.param(b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom\xff\xff\xff\xffmoov" * 50, id="boxes"),
        pytest.param(b"#EXTM3U\n#EXT-X-TARGETDURATION:9\nhttp://127.0.0.1:9/\n", id="playlist"),
    ],
)
async def test_what_is_no_video_is_not_measured(checker: VideoChecker, tmp_path: Path, hostile: bytes) -> None:
    file = tmp_path / "hostile.mp4"
    file.write_bytes(hostile)
    with pytest.raises(NotMeasured):
        await checker.measure(file, RULES, within_s=PATIENCE_S)


async def test_a_broken_file_breaks_nothing(checker: VideoChecker, clip: Path, tmp_path: Path) -> None:
    """Cut off at any place, or with any byte changed, it is measured as far as it plays, or it is not measured."""
    content = await asyncio.to_thread(clip.read_bytes)
    pieces = [content[: len(content) * part // 5] for part in range(1, 5)]
    changed = [
        bytes(byte ^ 0xFF if at % 211 == start else byte for at, byte in enumerate(content)) for start in (0, 77)
    ]
    for broken in (*pieces, *changed):
        file = tmp_path / "broken.mp4"
        file.write_bytes(broken)
        try:
            found = await checker.measure(file, RULES, within_s=PATIENCE_S)
        except NotMeasured:
            continue
        assert 0 <= found.seconds < 10
    assert (await checker.measure(clip, RULES, within_s=PATIENCE_S)).seconds == pytest.approx(2, abs=0.1)


async def test_a_long_look_is_given_up_and_the_next_one_is_not(
    checker: VideoChecker, clip: Path, tmp_path: Path
) -> None:
    fifo = tmp_path / "endless.mp4"
    os.mkfifo(fifo)  # to read it lasts for ever
    with pytest.raises(NotMeasured, match="not finished"):
        await checker.measure(fifo, RULES, within_s=0.3)
    assert (await checker.measure(clip, RULES, within_s=PATIENCE_S)).has_sound


async def test_a_video_in_4k_is_measured(checker: VideoChecker, tmp_path: Path) -> None:
    large = Faulty(moving, None, seconds=0.5, size=(3840, 2112)).write(tmp_path / "large.mp4")
    assert (await checker.measure(large, RULES, within_s=PATIENCE_S)).seconds == pytest.approx(0.5, abs=0.1)
