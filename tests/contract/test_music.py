"""What a reader of music promises: no process of ours decodes the file, and a refusal has a reason.

`tests/unit/test_music.py` has the types and the refusals.
"""

from pathlib import Path

import pytest

from infra.adapters import Adapters
from schemas.ports import MusicReader, NotMusic
from tests.contract.sounds import tone, write_music


@pytest.fixture
def reader() -> MusicReader:
    return Adapters().music_reader()


async def test_music_is_known_and_what_is_none_is_refused(reader: MusicReader, tmp_path: Path) -> None:
    music, rubbish = write_music(tmp_path / "music", tone(1.5, 440)), tmp_path / "rubbish"
    assert await reader.examine(music, within_s=60) == "mp3"
    rubbish.write_bytes(b"RIFF\xff\xff\xff\xffWAVEfmt \xff\xff\xff\xff")
    with pytest.raises(NotMusic, match="can't be read as wav"):
        await reader.examine(rubbish, within_s=60)


async def test_a_file_that_takes_too_long_or_breaks_its_process_is_refused(reader: MusicReader, tmp_path: Path) -> None:
    music = write_music(tmp_path / "music", tone(1.5, 440))
    with pytest.raises(NotMusic, match="can't be read as sound: it was not"):
        await reader.examine(music, within_s=0.01)
    with pytest.raises(NotMusic, match="can't be read as sound: FileNotFoundError"):
        await reader.examine(tmp_path / "none", within_s=60)
