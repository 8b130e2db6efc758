"""The storyboard of docs/film.md, planned and made by the commands of that page."""

import asyncio
import json
import os
import re
import subprocess
import sys
from contextlib import chdir
from pathlib import Path
from typing import Any

import av
import httpx
import pytest

from tests.cli.commands import Shell
from tests.facade.process import server_at

PAGE = Path(__file__).parents[2] / "docs" / "film.md"


def reelbus(folder: Path, *arguments: str) -> str:
    """What the command prints, in a folder that has the storyboard of the page."""
    storyboard, *_ = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (folder / "storyboard.json").write_text(storyboard)
    command = f"reelbus {' '.join(arguments)} "
    assert command in PAGE.read_text(), "the page has this command"
    done = subprocess.run(
        [sys.executable, "-m", "publisher", *arguments],
        cwd=folder,
        env={**os.environ, "REELBUS_DATA_DIR": str(folder / "data")},
        capture_output=True,
        check=True,
        text=True,
        timeout=240,
    )
    return done.stdout


def test_the_page_s_storyboard_has_a_price_and_a_length(tmp_path: Path) -> None:
    printed = reelbus(tmp_path, "film", "storyboard.json", "--plan").splitlines()
    assert [line.split()[0] for line in printed[:3]] == ["opening", "bicycle", "end"]
    assert printed[3:] == ["film spring, revision 1: 5 s", "new: 3 of 3 scenes, $0.00"]
    assert not (tmp_path / "spring.mp4").exists()


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_the_page_s_storyboard_becomes_a_film(tmp_path: Path) -> None:
    """Made by the local renderer; then a facade sends the same film."""
    printed = (await asyncio.to_thread(reelbus, tmp_path, "film", "storyboard.json")).splitlines()
    assert printed == [str(tmp_path / "spring.mp4"), "5 s, 3 scenes, $0.00"]
    with av.open(str(tmp_path / "spring.mp4")) as film:
        assert film.streams.video[0].frames == 5 * 24
    finals = list((tmp_path / "data" / "videos" / "generated-videos").glob("*.mp4"))
    assert len(finals) == 4, "three scenes and the film"
    made = (tmp_path / "spring.mp4").read_bytes()
    (tmp_path / "spring.mp4").unlink()
    shell = Shell(tmp_path / "no data")
    storyboard = str(tmp_path / "storyboard.json")
    async with server_at(tmp_path / "data") as server:
        given = ("film", storyboard, "--url", server.url)
        done = await asyncio.to_thread(shell, *given, "-o", str(tmp_path))
        assert (done.exit_code, done.stdout) == (0, f"{tmp_path / 'spring.mp4'}\n5 s, 3 scenes, $0.00\n")
        with chdir(tmp_path / "data"):
            done = await asyncio.to_thread(shell, *given)
    assert done.stdout.startswith(f"{tmp_path / 'data' / 'spring.mp4'}\n")
    assert (tmp_path / "spring.mp4").read_bytes() == (tmp_path / "data" / "spring.mp4").read_bytes() == made


WORDS: dict[str, Any] = {
    "film_id": "words",
    "defaults": {"duration_seconds": 2},
    "scenes": [{"name": "one", "scene": {"title": "Garden", "visual": "A garden", "script": "Look at <this> & that."}}],
    "titles": [{"before": "one", "text": "Spring", "seconds": 1}],
    "captions": {"from": "script", "sidecar": ["vtt", "srt"], "burn_in": True},
}


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_the_files_of_the_captions_are_written_beside_the_film(tmp_path: Path) -> None:
    """In this folder, and by a facade, whose addresses have the types of the files."""
    (tmp_path / "words.json").write_text(json.dumps(WORDS))
    (tmp_path / "here").mkdir()
    (tmp_path / "there").mkdir()
    shell = Shell(tmp_path / "data")
    plan = (await asyncio.to_thread(shell, "film", str(tmp_path / "words.json"), "--plan")).stdout.splitlines()
    assert plan[0].split() == ["0.00", "to", "1.00", "s", "title:", "Spring"]
    assert plan[1].startswith("one     1.00 to    3.00 s")
    given = ("film", str(tmp_path / "words.json"), "-o")
    done = await asyncio.to_thread(shell, *given, str(tmp_path / "here"))
    names = ["words.mp4", "words.vtt", "words.srt"]
    assert done.stdout == "\n".join([*(str(tmp_path / "here" / name) for name in names), "3 s, 1 scenes, $0.00", ""])
    assert "Look at &lt;this&gt; &amp; that." in (tmp_path / "here" / "words.vtt").read_text()
    async with server_at(tmp_path / "data") as server:
        await asyncio.to_thread(shell, *given, str(tmp_path / "there" / "a.mp4"), "--url", server.url)
        async with httpx.AsyncClient(base_url=server.url) as client:
            files = (await client.get("/api/films/words")).json()["files"]
            answers = [await client.get(file["url"]) for file in files]
    for name, copy in zip(names, ("a.mp4", "a.vtt", "a.srt"), strict=True):
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / copy).read_bytes()
    types = [answer.headers["content-type"].partition(";")[0] for answer in answers]
    assert types == ["text/vtt", "application/x-subrip"]
