"""The launcher: says what is missing, notices what ends, and leaves nothing running."""

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from infra.gcp.emulators import Emulator, find_emulators, run_emulators
from schemas.errors import Unavailable
from tests.cli.processes import watched

ROOT = Path(__file__).parents[2]
_SERVER = "from http.server import *; import sys; HTTPServer(('127.0.0.1', int(sys.argv[1])), SimpleHTTPRequestHandler)"


def a_server(program: str = f"{_SERVER}.serve_forever()") -> Emulator:
    return Emulator(
        name="the test server",
        command=lambda port, folder: [
            "/bin/sh", "-c", f'cd {folder}; "$@" & echo $! > pid; wait', "-", sys.executable, "-c", program, str(port)
        ],
        health="/",
        variable="TEST_SERVER",
    )  # fmt: skip


@pytest.mark.emulator
def test_all_three_answer(emulators: Mapping[str, str]) -> None:
    assert set(emulators) == {"PUBSUB_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST", "STORAGE_EMULATOR_HOST"}


def test_the_whole_group_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with ExitStack() as stack:
        environment = stack.enter_context(run_emulators([a_server()]))
        assert environment["TEST_SERVER"].startswith("127.0.0.1:")
        (file,) = tmp_path.glob("*/pid")
        gone = ExitStack()
        ended = gone.enter_context(watched(int(file.read_text())))
    with gone:
        assert ended(10)
    assert list(tmp_path.iterdir()) == []


def test_it_ends_with_the_process_that_started_it_however_that_ends() -> None:
    program = """
import signal
from tests.gcp.test_emulators import a_server, run_emulators
with run_emulators([a_server()]):
    print(flush=True)
    signal.pause()
"""
    starter = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE)
    assert starter.stdout
    with starter:
        starter.stdout.readline()
        (shell,) = children_of(starter.pid)
        with watched(shell) as ended:
            starter.kill()
            assert ended(10)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_one_that_ends_by_itself_is_reported_with_its_last_words() -> None:
    broken = a_server("import sys; sys.exit('no such thing')")
    said = "the test server ended by itself with status 0; its log ends with: no such thing"
    with pytest.raises(Unavailable, match=said), run_emulators([broken]):
        pass


def test_a_missing_cli_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="Google Cloud CLI is not installed"):
        find_emulators()


def test_a_missing_component_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gcloud").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "gcloud").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin") + os.pathsep + os.environ["PATH"])
    with pytest.raises(Unavailable, match="gcloud components install pubsub-emulator"):
        find_emulators()
