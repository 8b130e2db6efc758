"""LiteLLM makes, polls, lists and downloads videos; an answer that its Router lost makes no second one."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import av
import pytest

from tests.clients.proxy import Proxy
from tests.clients.test_openai import HERE, PYTHON, ROOT, jobs_in, run
from tests.e2e.processes import House
from tests.images import png

pytestmark = pytest.mark.timeout(280)  # LiteLLM alone takes seconds to be imported


def flow(way: str, url: str, tmp_path: Path) -> dict[str, Any]:
    """What the program found; its files are in the folder."""
    image = tmp_path / "frame.png"
    image.write_bytes(png(320, 180))
    found: dict[str, Any] = run((PYTHON, str(HERE / "litellm_flow.py")), way, url, "no-key", str(tmp_path), str(image))
    assert found["elsewhere"] == [], "LiteLLM calls this facade alone"
    return found


def frames_in(file: Path) -> int:
    with av.open(str(file)) as video:
        return sum(1 for _ in video.decode(video=0))


def test_every_call_of_litellm(house: House, proxy: Proxy, tmp_path: Path) -> None:
    house.settings["REELBUS_RETENTION_DAYS"] = "2"
    with house.facade() as (_, url), house.worker():
        proxy.point_at(url)
        found = flow("calls", proxy.url, tmp_path)
    video = found["video"]
    assert (video["status"], video["progress"], video["size"], video["seconds"]) == ("completed", 100, "1280x720", "4")
    assert (video["model"], video["error"]) == ("sora-2", None)
    assert video["expires_at"] == pytest.approx(video["completed_at"] + 2 * 86_400, abs=1)
    assert frames_in(tmp_path / "calls.mp4") > 0
    assert (tmp_path / "calls.jpg").read_bytes()[:2] == b"\xff\xd8"
    first, second, _ = found["ids"]
    assert found["listed"] == [second, first]
    assert sorted(jobs_in(house)) == sorted(set(found["ids"])), (
        "each ask is a job, once the caller named the one before"
    )
    assert len(jobs_in(house)) == 3
    assert "size must be one of" in found["refused"]


def test_what_its_router_sends_again_makes_no_second_video(house: House, proxy: Proxy, tmp_path: Path) -> None:
    with house.facade() as (_, url), house.worker():
        proxy.point_at(url)
        proxy.lose = 1
        found = flow("router", proxy.url, tmp_path)
    assert proxy.lost == 1
    assert found["video"]["status"] == "completed"
    assert jobs_in(house) == found["ids"]
    assert len(house.finals()) == 1
    assert frames_in(tmp_path / "router.mp4") > 0


def test_the_program_in_openai_md_that_a_user_starts_again(house: House, proxy: Proxy, tmp_path: Path) -> None:
    """Its first start ends by a lost answer. It names its job, so the second start finds it."""
    [_, program] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/openai.md").read_text(), re.DOTALL)
    with house.facade() as (_, url), house.worker():
        proxy.point_at(url)
        proxy.lose = 1
        text = program.replace("http://localhost:8000/v1", proxy.url)
        starts = [start(text, tmp_path) for _ in range(2)]
    assert "InternalServerError" in starts[0].stderr
    assert (starts[1].returncode, proxy.lost) == (0, 1), starts[1].stderr
    assert jobs_in(house) == ["order-17-a"]
    assert len(house.finals()) == 1
    assert frames_in(tmp_path / "lighthouse.mp4") > 0


def start(program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PYTHON, "-W", "ignore", "-c", program],
        cwd=folder,
        env={**os.environ, "NO_PROXY": "*", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
