"""OpenAI's own clients make, poll, list, download and delete videos; a lost answer or a killed facade costs nothing."""

import json
import os
import re
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.proxy import Proxy
from tests.e2e.processes import House, Part
from tests.images import png

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PYTHON = str(ROOT / "build/clients/bin/python")
CLIENTS = pytest.mark.parametrize(
    "program", [(PYTHON, str(HERE / "openai_flow.py")), ("node", str(HERE / "openai_flow.mjs"))], ids=["python", "node"]
)


def run(program: tuple[str, ...], *arguments: str) -> Any:
    done = subprocess.run([*program, *arguments], capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def flow(program: tuple[str, str], url: str, tmp_path: Path) -> dict[str, Any]:
    """What the whole program found; its files are in the folder."""
    image = tmp_path / "frame.png"
    image.write_bytes(png(320, 180))
    found: dict[str, Any] = run(program, url, "no-key", str(tmp_path), str(image))
    return found


def jobs_in(house: House) -> list[str]:
    with sqlite3.connect(f"file:{next(house.folder.glob('*.db'))}?mode=ro", uri=True) as database:
        found = [str(row[0]) for row in database.execute("SELECT job_id FROM jobs")]
    database.close()
    return found


@CLIENTS
def test_every_call_of_the_client(house: House, proxy: Proxy, tmp_path: Path, program: tuple[str, str]) -> None:
    with house.facade() as (_, url), house.worker():
        proxy.point_at(url)
        found = flow(program, proxy.url, tmp_path)
    video = found["video"]
    assert (video["status"], video["progress"], video["size"], video["seconds"]) == ("completed", 100, "1280x720", "4")
    assert video["model"] == "sora-2"
    assert b"ftyp" in next(tmp_path.glob("*.mp4")).read_bytes()[:16]
    pictures = [file.read_bytes() for file in tmp_path.glob("*.jpg")]
    assert [picture[:2] for picture in pictures] == [b"\xff\xd8"] * 2
    assert found["listed"] == [found["second"], video["id"]]
    assert (found["oldest"], found["deleted"], found["gone"]) == (video["id"], True, True)
    assert found["refused"] == {
        "size": "BadRequestError size invalid_request",
        "unknown": "NotFoundError None not_found" if "python" in program[0] else "NotFoundError null not_found",
    }
    assert len(jobs_in(house)) == 2


@CLIENTS
def test_an_answer_that_is_lost_costs_no_second_job(
    house: House, proxy: Proxy, tmp_path: Path, program: tuple[str, str]
) -> None:
    with house.facade() as (_, url), house.worker():
        proxy.point_at(url)
        proxy.lose = 2
        found = flow(program, proxy.url, tmp_path)
    assert proxy.lost == 2
    assert {*jobs_in(house)} == {found["video"]["id"], found["second"]}


@pytest.mark.timeout(280)  # a job that was written and not published is published after two minutes
@CLIENTS
def test_a_facade_that_is_killed_between_write_and_answer_costs_no_second_job(
    house: House, proxy: Proxy, tmp_path: Path, program: tuple[str, str]
) -> None:
    with house.facade() as (first, url), house.facade() as (_, other), house.worker():
        proxy.point_at(url)
        proxy.before_answer = _kill_once_stored(house, first, lambda: proxy.point_at(other))
        found = flow(program, proxy.url, tmp_path)
    assert proxy.lost == 1
    assert {*jobs_in(house)} == {found["video"]["id"], found["second"]}


def _kill_once_stored(house: House, facade: Part, then: Callable[[], None]) -> Callable[[], None]:
    def kill() -> None:
        while not jobs_in(house):
            pass
        then()  # before the kill: it breaks the client's connection, and the next one must not lead to a dead facade
        facade.kill()

    return kill


def test_the_program_in_openai_md_makes_a_video(house: House, tmp_path: Path) -> None:
    [program, _] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/openai.md").read_text(), re.DOTALL)
    with house.facade() as (_, url), house.worker():
        done = subprocess.run(
            [PYTHON, "-W", "ignore", "-c", program.replace("http://localhost:8000", url.rstrip("/"))],
            cwd=tmp_path,
            env={**os.environ, "NO_PROXY": "*"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert b"ftyp" in (tmp_path / "lighthouse.mp4").read_bytes()[:16]
