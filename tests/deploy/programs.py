"""The checks that other programs make: promtool, hadolint, checkov."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.deploy.running import BUILD, ROOT

SKIPPED_POLICIES = {
    "CKV_GCP_62": "access logs of the bucket: Cloud Audit Logs has data access logs, if they are switched on",
    "CKV_GCP_78": "object versioning: soft delete keeps what was deleted, and names are never written twice",
    "CKV_GCP_81": "the archive under a key of the customer's own",
    "CKV_GCP_83": "topics under a key of the customer's own",
    "CKV_GCP_80": "tables under a key of the customer's own",
    "CKV_GCP_84": "images under a key of the customer's own",
    "CKV_GCP_125": "GitHub's subject names the repository; a name can be taken over, so the id is asked for",
    "CKV_GCP_114": "public access prevention: it is off only while finals are public, and the tests hold that",
}


def check_alert_rules(folder: Path) -> None:
    """Run the unit tests of the alert rules."""
    _run([_program("promtool"), "test", "rules", *(file.name for file in sorted(folder.glob("*.test.yaml")))], folder)


def check_containerfile(file: Path) -> None:
    """Lint the Containerfile."""
    _run([_program("hadolint"), "--failure-threshold", "info", str(file)], file.parent)


def check_policies(folder: Path) -> None:
    """Hold the module against checkov's policies, but for those that are decided otherwise."""
    skipped = ",".join(sorted(SKIPPED_POLICIES))
    options = ["--framework", "terraform", "--quiet", "--compact", "--skip-download", "--skip-check", skipped]
    _run([_program("checkov"), "-d", str(folder), *options], folder)


def _program(name: str) -> str:
    """Return where `make deploy-check` put the program. Raises `FileNotFoundError`."""
    places = (BUILD, ROOT / ".venv-checkov/bin", Path(sys.executable).parent)
    found = shutil.which(name, path=os.pathsep.join([*map(str, places), os.environ["PATH"]]))
    if found is None:
        raise FileNotFoundError(f"{name} is not installed: run `make deploy-check`")
    return found


def _run(command: list[str], folder: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
