"""An installation without the extra `gcp` starts no evaluator, and says what is missing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT

_HIDE = """
import runpy, sys
sys.modules[sys.argv.pop(1)] = None  # an import of it fails as if it were not installed
sys.argv[0] = "evaluator"
runpy.run_module("subscriber.evaluation", run_name="__main__")
"""


@pytest.mark.parametrize("package", ["grpc", "google.auth"])
def test_a_missing_package_is_a_wrong_setting_in_one_line(package: str, tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REELBUS_")}
    settings = {"REELBUS_DATA_DIR": str(tmp_path), "REELBUS_EVALUATION": "vertex://acme/europe-west4"}
    command = [sys.executable, "-c", _HIDE, package]
    ended = subprocess.run(command, env=kept | settings, cwd=ROOT, capture_output=True, timeout=60, check=False)
    last = ended.stderr.decode().splitlines()[-1]
    assert "Google's client libraries are not installed: run scripts/bootstrap gcp" in last
    assert ended.returncode == 2
    assert b"Traceback" not in ended.stderr
