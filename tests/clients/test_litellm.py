"""LiteLLM makes, polls, lists and downloads videos; an answer that its Router lost makes no second one."""

import os
import re
import subprocess
from pathlib import Path

import av
import pytest

from tests.clients.proxy import Proxy
from tests.clients.test_openai import HERE, PYTHON, ROOT, jobs_in, run
from tests.e2e.processes import House
from tests.images import png

pytestmark = pytest.mark.timeout(280)  # LiteLLM alone takes seconds to be imported


def frames_in(file: Path) -> int:
    with av.open(str(file)) as video:
        return sum(1 for _ in video.decode(video=0))


def test_every_call_of_litellm_and_an_answer_that_its_router_lost(house: House, proxy: Proxy, tmp_path: Path) -> None:
    image = tmp_path / "frame.png"
    image.write_bytes(png(320, 180))
    house.settings["REELBUS_RETENTION_DAYS"] = "2"
    with house.facade() as (_, url), house.worker():
        proxy.point_at(url)
        proxy.lose = 1
        found = run((PYTHON, str(HERE / "litellm_flow.py")), proxy.url, "no-key", str(tmp_path), str(image))
    assert proxy.lost == 1
    asked = [found["by_router"], *found["ids"]]
    assert len(set(asked)) == len(house.finals()) == 3, "an identical call is a new job once the former was asked for"
    assert sorted(jobs_in(house)) == sorted(asked)
    assert found["listed"] == asked[::-1]
    video = found["video"]
    assert (video["status"], video["progress"], video["size"], video["seconds"]) == ("completed", 100, "1280x720", "4")
    assert (video["model"], video["error"]) == ("sora-2", None)
    assert video["expires_at"] == pytest.approx(video["completed_at"] + 2 * 86_400, abs=1)
    assert all(frames_in(tmp_path / name) > 0 for name in ("router.mp4", "calls.mp4", "second.mp4"))
    assert (tmp_path / "calls.jpg").read_bytes()[:2] == b"\xff\xd8"
    assert "size must be one of" in found["refused"]
    assert found["elsewhere"] == [], "LiteLLM calls this facade alone"


def test_the_program_in_openai_md_names_its_job(house: House, tmp_path: Path) -> None:
    [_, program] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/openai.md").read_text(), re.DOTALL)
    with house.facade() as (_, url), house.worker():
        done = subprocess.run(
            [PYTHON, "-W", "ignore", "-c", program.replace("http://localhost:8000", url.rstrip("/"))],
            cwd=tmp_path,
            env={**os.environ, "NO_PROXY": "*", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert jobs_in(house) == ["order-17-a"]
    assert frames_in(tmp_path / "lighthouse.mp4") > 0
