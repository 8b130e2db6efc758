"""`film` sends the music that a storyboard names by its path, and names what is wrong before anything is paid."""

import json
from pathlib import Path

import pytest

from tests.cli.commands import PROMPT, Shell, complaint
from tests.contract.sounds import tone, write_music


def board(folder: Path, uri: object) -> str:
    fields = {"film_id": "ad", "scenes": [{"name": "one", "prompt": PROMPT}], "audio": {"music": {"uri": uri}}}
    (folder / "board.json").write_text(json.dumps(fields))
    return str(folder / "board.json")


def test_music_is_found_beside_the_storyboard(shell: Shell, tmp_path: Path) -> None:
    write_music(tmp_path / "bed.mp3", tone(1.5, 440))
    printed = shell("film", board(tmp_path, "bed.mp3"), "--plan").stdout
    assert printed.splitlines()[-2] == "film ad, revision 1: 5 s"


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("none.mp3", "audio.music.uri can't be read: "),
        ("board.json", "audio.music.uri must be MP3, M4A, WAV, FLAC or Ogg"),
        (
            "gs://bucket/bed.mp3",
            "audio.music.uri can't be read from gs://bucket/bed.mp3: this deployment reads music from no bucket; "
            "send the file as a data: URL",
        ),
        (7, "audio.music.uri must be a text"),
    ],
)
def test_music_that_can_not_be_had_is_named(shell: Shell, tmp_path: Path, uri: object, words: str) -> None:
    assert words in complaint(shell("film", board(tmp_path, uri), "--plan"))
