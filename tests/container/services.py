"""Facade and worker of the image, started as containers on one volume."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.container.box import Box
from tests.support.ports import free_port

READY_WITHIN_S = 120.0
STOPS_WITHIN_S = 10.0
"""What a container host allows by default between SIGTERM and SIGKILL."""


@contextmanager
def serving(box: Box, *, metrics_ports: tuple[str, str] = ("", ""), **variables: str) -> Iterator[str]:
    """A facade and a worker in two containers on one volume. Both must stop with 0, and in time."""
    port, probes = str(free_port()), str(free_port())
    url = f"http://127.0.0.1:{port}"
    settings = {"REELBUS_DATA_DIR": "/data", "REELBUS_OPEN_TO_ALL": "1", "REELBUS_PUBLIC_URL": url, "PORT": port}
    started = [
        box.start(role, REELBUS_HEALTH_PORT=probes, REELBUS_METRICS_PORT=metrics, **settings, **variables)
        for role, metrics in zip(("serve", "worker"), metrics_ports, strict=True)
    ]
    with killed_at_the_end(*started):
        for each in (url, f"http://127.0.0.1:{probes}"):
            wait_until_ready(each, *started)
        yield url
        assert [stop(process) for process in started] == [0, 0]


@contextmanager
def killed_at_the_end(*processes: "subprocess.Popen[bytes]") -> Iterator[None]:
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def wait_until_ready(url: str, *started: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        for process in started:
            if process.poll() is not None:
                pytest.fail(f"it ended: {process.stderr.read().decode()[-2000:] if process.stderr else ''}")
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/readyz").status_code == 200:
                return
        time.sleep(0.1)
    pytest.fail("a service of the image did not become ready")


def stop(process: "subprocess.Popen[bytes]") -> int:
    """Send SIGTERM, and return the exit status; a process that takes too long fails the test."""
    process.send_signal(signal.SIGTERM)
    return process.wait(STOPS_WITHIN_S)
