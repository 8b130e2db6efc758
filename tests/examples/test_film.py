"""The film of `examples/film`: its commands, as they stand in the list of the examples, on the embedded default."""

import json
import os
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
FILM = ROOT / "examples" / "film" / "storyboard.py"


def print_storyboard(*options: str) -> str:
    """Run the program of the example. The list of the examples has the command."""
    command = " ".join(("python examples/film/storyboard.py", *options))
    assert f"{command} | " in (ROOT / "examples" / "README.md").read_text()
    done = subprocess.run([sys.executable, str(FILM), *options], capture_output=True, check=True, text=True, timeout=60)
    return done.stdout


def reelbus(folder: Path, storyboard: str, *options: str) -> list[str]:
    """Give the storyboard to the command, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "publisher", "film", "-", *options],
        cwd=folder,
        env={**os.environ, "REELBUS_DATA_DIR": str(folder / "data")},
        input=storyboard,
        capture_output=True,
        check=True,
        text=True,
        timeout=280,
    )
    return done.stdout.splitlines()


def test_the_program_explains_its_options() -> None:
    done = subprocess.run([sys.executable, str(FILM), "--help"], capture_output=True, check=True, text=True, timeout=60)
    assert "--twenty" in done.stdout
    assert "{" not in done.stdout, "a storyboard"


@pytest.mark.parametrize(("options", "scenes", "length"), [((), 5, "20.75"), (("--twenty",), 20, "39.5")])
def test_the_storyboards_have_a_length_and_cost_nothing(
    tmp_path: Path, options: tuple[str, ...], scenes: int, length: str
) -> None:
    text = print_storyboard(*options)
    assert text == print_storyboard(*options)
    *_, film, price = reelbus(tmp_path, text, "--plan")
    assert film.endswith(f", revision 1: {length} s")
    assert price == f"new: {scenes} of {scenes} scenes, $0.00"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_five_scenes_become_a_film(tmp_path: Path) -> None:
    """With scenes of two seconds, which take half of the time."""
    storyboard = json.loads(print_storyboard())
    storyboard["defaults"]["duration_seconds"] = 2
    *files, summary = reelbus(tmp_path, json.dumps(storyboard), "-o", "harbour.mp4")
    assert files == [str(tmp_path / f"harbour.{extension}") for extension in ("mp4", "vtt", "srt")]
    assert summary == "10.75 s, 5 scenes, $0.00"
    with av.open(files[0]) as film:
        assert film.streams.video[0].frames == 258
        assert [stream.type for stream in film.streams][:3] == ["video", "audio", "subtitle"]
        titles = [chapter["metadata"]["title"] for chapter in film.chapters()]
        title_card = [frame.to_ndarray() for frame in film.decode(audio=0) if 1 < (frame.time or 0) < 1.5]
    assert titles == ["Dawn", "Nets", "Market", "Regatta", "Night"]
    assert np.abs(np.concatenate(title_card, axis=1)).max() > 0.01, "the music is heard where no scene is"
    assert "Anna mends the nets, knot by knot." in (tmp_path / "harbour.srt").read_text()
