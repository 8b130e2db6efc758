"""The release before this version, from the history, in an environment of its own.

`RELEASE` names it, with its commit: a tag may be missing in a clone. It is unpacked and installed
once, under `.mixed/`.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RELEASE = Path(__file__).with_name("RELEASE")


@dataclass(frozen=True)
class Side:
    """One of the two versions: its files, and the Python that has what it needs."""

    name: str
    tree: Path
    python: Path

    def environment(self) -> dict[str, str]:
        """What makes its Python find its own files, and no others."""
        return {"PATH": os.environ["PATH"], "PYTHONPATH": str(self.tree), "HOME": os.environ.get("HOME", "/")}


NEW = Side("new", ROOT, Path(sys.executable))


def old_side(release: Path = RELEASE) -> Side:
    """Unpack and install the release, if that was not done yet. Without its commit it fails in CI, else it skips."""
    _, commit = release.read_text().split()
    home = ROOT / ".mixed" / f"{commit[:12]}-{sys.version_info[0]}.{sys.version_info[1]}"
    home.parent.mkdir(exist_ok=True)
    with (home.parent / f"{home.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several processes of pytest begin at once
        if not (home / "installed").exists():
            _check_history(commit)
            shutil.rmtree(home, ignore_errors=True)
            _unpack(commit, home / "tree")
            _install(home / "venv", home / "tree" / "requirements" / "dev.txt")
            (home / "installed").touch()
    return Side("old", home / "tree", home / "venv" / "bin" / "python")


def _check_history(commit: str) -> None:
    known = subprocess.run(
        ["git", "cat-file", "-e", f"{commit}^{{commit}}"], cwd=ROOT, capture_output=True, check=False
    )
    if known.returncode:
        words = f"commit {commit} is not in this clone; fetch the whole history: git fetch --unshallow"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(words)


def _unpack(commit: str, tree: Path) -> None:
    tree.mkdir(parents=True)
    with subprocess.Popen(["git", "archive", commit], cwd=ROOT, stdout=subprocess.PIPE) as archive:
        subprocess.run(["tar", "-x", "-C", str(tree)], stdin=archive.stdout, check=True)
    assert archive.returncode == 0, f"git archive {commit} failed"


def _install(venv: Path, requirements: Path) -> None:
    """Exactly what the release's own lock names, without resolving anything."""
    _run(sys.executable, "-m", "venv", str(venv))
    python = str(venv / "bin" / "python")
    install = ("-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", "--only-binary", ":all:")
    _run(python, *install, "--require-hashes", "-r", str(requirements))


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
