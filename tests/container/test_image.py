"""The image that `make image` built: what is in it, and facade and worker on one volume. `make image-check` runs it."""

import io
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import av
import httpx
import pytest

from tests.container.box import Box
from tests.container.services import killed_at_the_end, serving, stop, wait_until_ready
from tests.support.ports import free_port

pytestmark = pytest.mark.timeout(400)
REQUEST = {"prompt": "A red bicycle turns slowly on white", "duration_seconds": 2}


@pytest.fixture(scope="module")
def url(box: Box) -> Iterator[str]:
    with serving(box) as url:
        yield url


def test_it_makes_a_video(url: str) -> None:
    answer = httpx.post(f"{url}/api/videos/generate", json=REQUEST, timeout=300)
    assert answer.status_code == 200, answer.text
    film = httpx.get(answer.json()["video_url"])
    assert (film.status_code, film.headers["content-type"]) == (200, "video/mp4")
    with av.open(io.BytesIO(film.content), "r") as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert len(frames) == 48
    assert max(frame.std() for frame in frames) > 10, "nothing is drawn"


def test_it_is_read_only_and_has_a_user_without_rights(box: Box) -> None:
    assert box.user == "10001"
    tried = box.run("/bin/sh", "-c", "id -u; touch /opt/reelbus/x /home/reelbus/x /x; touch /tmp/x /data/x && echo yes")
    assert tried.stdout.split() == ["10001", "yes"]
    assert tried.stderr.count("Read-only file system") == 3


def test_it_has_no_build_tools_and_no_secrets(box: Box) -> None:
    names = "gcc cc g++ ld as make pip pip3 uv git curl wget hatchling"
    assert box.run("/bin/sh", "-c", f"for each in {names}; do command -v $each; done").stdout == ""
    assert box.run("python3", "-m", "pip", "--version").returncode != 0
    assert not (box.root / "src").exists()
    packages = "opt/reelbus/lib/python3*/site-packages"
    names_in_packages = ["infra/deploy/*", "publisher/node/*", "tests", "pip*", "google/cloud/aiplatform_v1/*"]
    patterns = [f"{packages}/{each}" for each in names_in_packages]
    patterns += ["root/.*history", "home/*/.*history", "root/.cache/*", "var/cache/apt/archives/*.deb", "tmp/*"]
    left = [found for each in patterns for found in box.root.glob(each)]
    assert left == []


def test_its_modules_are_compiled(box: Box) -> None:
    """The file system is read-only: each start would compile them anew."""
    compiled = box.run("python3", "-v", "-c", "import publisher.cli, infra.adapters").stderr
    assert "matches" in compiled
    assert [line for line in compiled.splitlines() if line.startswith("# code object from /opt")] == []


def test_doctor_finds_nothing_wrong_in_it(box: Box) -> None:
    looked = box.run("reelbus", "doctor", "--json", REELBUS_OPEN_TO_ALL="1")
    said = json.loads(looked.stdout)
    assert [finding for finding in said["findings"] if finding["verdict"] == "wrong"] == []
    assert looked.returncode == 0


def test_it_stops_with_0_while_callers_wait(box: Box) -> None:
    """Without a worker every caller waits; each gets its id, and the facade ends in time."""
    port = str(free_port())
    url = f"http://127.0.0.1:{port}"
    facade = box.start("serve", REELBUS_OPEN_TO_ALL="1", PORT=port)
    with killed_at_the_end(facade):
        wait_until_ready(url, facade)
        with ThreadPoolExecutor(10) as callers:
            asked = [
                callers.submit(
                    httpx.post, f"{url}/api/videos/generate", json={**REQUEST, "job_id": f"j{n}"}, timeout=300
                )
                for n in range(10)
            ]
            while len(httpx.get(f"{url}/api/videos").json()["videos"]) < len(asked):
                time.sleep(0.05)
            assert stop(facade) == 0
            answers = [each.result() for each in asked]
        assert {answer.status_code for answer in answers} == {503}
        assert {answer.json()["video_id"] for answer in answers} == {f"j{n}" for n in range(10)}
