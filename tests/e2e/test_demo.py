"""`make demo` ends with a video, however slow the machine is."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_heartbeats_and_a_facade_that_stops_waiting_do_not_end_it(tmp_path: Path) -> None:
    # A slow machine takes longer than a heartbeat, and longer than the facade waits.
    slow = {"REELBUS_HEARTBEAT_S": "0.05", "REELBUS_WAIT_S": "0.1", "REELBUS_RENDERERS": "1"}
    slow["REELBUS_DATA_DIR"] = str(tmp_path / "data")
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "demo.py"],
        env={**os.environ, **slow, "HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    assert Path(answer["file"]).stat().st_size > 10_000
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1] == f"open {answer['file']} to watch the video"


def test_a_worker_that_does_not_start_is_named(tmp_path: Path) -> None:
    broken = {"REELBUS_DRAIN_S": "none", "REELBUS_DATA_DIR": str(tmp_path / "data")}
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "demo.py"],
        env={**os.environ, **broken},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1].startswith("the worker ended by itself with exit code ")
