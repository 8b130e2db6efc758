"""The end of `make test` says what ran, and what did not and why."""

import platform
import subprocess
import sys
from pathlib import Path

_SUITE = """
import pytest

def test_quick(): pass

@pytest.mark.emulator
def test_on_the_emulators(): pass

@pytest.mark.slow
def test_slow(): pass

@pytest.mark.processes
def test_programs(): pass

@pytest.mark.slow
@pytest.mark.processes
def test_slow_programs(): pass

@pytest.mark.skipif(True, reason="the moon is not full")
def test_by_moonlight(): pass
"""


def test_a_run_in_several_processes_ends_by_saying_what_it_was(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(_SUITE)
    (tmp_path / "conftest.py").write_text(
        "from tests.summary import Summary\ndef pytest_configure(config): config.pluginmanager.register(Summary())\n"
    )
    root = Path(__file__).resolve().parents[2]
    options = [
        "-n",
        "1",
        "-q",
        "-m",
        "not slow and not processes",
        "-c",
        str(root / "pyproject.toml"),
        "--rootdir",
        str(tmp_path),
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--ignore", "tests/crash", str(tmp_path)],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.splitlines()[-7:] == [
        f"Ran: 2 passed, 1 skipped, on Python {platform.python_version()} ({sys.executable})",
        "  on Google's emulators: 1",
        "  with Node: none",
        "  not selected: 1 processes; `make test-processes` runs them",
        "  not selected: 2 slow; `make soak` runs them",
        "  not selected: tests/crash; `make crash-matrix` runs it",
        "  skipped: 1, because: the moon is not full",
    ], done.stdout + done.stderr
