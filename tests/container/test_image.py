"""The image that `make image` built: what is in it, and facade and worker on one volume. `make image-check` runs it."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.container.box import Box, open_box

READY_WITHIN_S = 60.0
STOPS_WITHIN_S = 10.0
"""What a container host allows by default between SIGTERM and SIGKILL."""
REQUEST = {"prompt": "A red bicycle turns slowly on white", "duration_seconds": 2}


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    if os.geteuid() != 0 or not shutil.which("buildah"):
        pytest.fail("needs root and buildah: make image")
    with open_box(tmp_path_factory.mktemp("data")) as box:
        yield box


@pytest.fixture(scope="module")
def url(box: Box) -> Iterator[str]:
    """A facade and a worker in two containers on one volume. Both must stop with 0, and in time."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    settings = {"REELBUS_DATA_DIR": "/data", "REELBUS_OPEN_TO_ALL": "1", "REELBUS_PUBLIC_URL": url, "PORT": str(port)}
    with socket.create_server(("127.0.0.1", 0)) as free:
        probes = free.getsockname()[1]
    started = [box.start(role, REELBUS_HEALTH_PORT=str(probes), **settings) for role in ("serve", "worker")]
    try:
        for each in (url, f"http://127.0.0.1:{probes}"):
            _wait_until_ready(each, started)
        yield url
        assert [_stop(process) for process in started] == [0, 0]
    finally:
        for process in started:
            process.kill()
            process.communicate()


def _wait_until_ready(url: str, started: list["subprocess.Popen[bytes]"]) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        assert [process.poll() for process in started] == [None, None], started[0].stderr and started[0].stderr.read()
        try:
            answer = httpx.get(f"{url}/readyz")
        except httpx.TransportError:
            time.sleep(0.1)
            continue
        if answer.status_code == 200:
            return
        time.sleep(0.1)
    pytest.fail("the facade in the image did not become ready")


def _stop(process: "subprocess.Popen[bytes]") -> int:
    """Send SIGTERM, and return the exit status; a process that takes too long fails the test."""
    process.send_signal(signal.SIGTERM)
    return process.wait(STOPS_WITHIN_S)


def test_it_makes_a_video(url: str) -> None:
    answer = httpx.post(f"{url}/api/videos/generate", json=REQUEST, timeout=100)
    assert answer.status_code == 200, answer.text
    film = httpx.get(answer.json()["video_url"])
    assert (film.status_code, film.headers["content-type"]) == (200, "video/mp4")


def test_it_is_read_only_and_has_a_user_without_rights(box: Box) -> None:
    assert box.user == "10001"
    tried = box.run("/bin/sh", "-c", "id -u; touch /opt/reelbus/x /home/reelbus/x /x; touch /tmp/x /data/x && echo yes")
    assert tried.stdout.split() == ["10001", "yes"]
    assert tried.stderr.count("Read-only file system") == 3


def test_it_has_no_build_tools_and_no_secrets(box: Box) -> None:
    names = "gcc cc make pip pip3 git curl hatchling"
    assert box.run("/bin/sh", "-c", f"for each in {names}; do command -v $each; done").stdout == ""
    assert box.run("python3", "-m", "pip", "--version").returncode != 0
    assert not (box.root / "src").exists()
    assert list((box.root / "opt/reelbus").glob("lib/python3*/site-packages/infra/deploy/*")) == []


def test_doctor_finds_nothing_wrong_in_it(box: Box) -> None:
    looked = box.run("reelbus", "doctor", "--json", REELBUS_OPEN_TO_ALL="1")
    said = json.loads(looked.stdout)
    assert [finding for finding in said["findings"] if finding["verdict"] == "wrong"] == []
    assert looked.returncode == 0


def test_it_stops_with_0_while_callers_wait(box: Box, tmp_path: Path) -> None:
    """Without a worker every caller waits; each gets its id, and the facade ends in time."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    facade = box.start("serve", REELBUS_OPEN_TO_ALL="1", PORT=str(port))
    try:
        _wait_until_ready(url, [facade, facade])
        with ThreadPoolExecutor(10) as callers:
            asked = [
                callers.submit(
                    httpx.post, f"{url}/api/videos/generate", json={**REQUEST, "job_id": f"j{n}"}, timeout=60
                )
                for n in range(10)
            ]
            while len(httpx.get(f"{url}/api/videos").json()["videos"]) < len(asked):
                time.sleep(0.05)
            assert _stop(facade) == 0
            answers = [each.result() for each in asked]
        assert {answer.status_code for answer in answers} == {503}
        assert {answer.json()["video_id"] for answer in answers} == {f"j{n}" for n in range(10)}
    finally:
        facade.kill()
        facade.communicate()
