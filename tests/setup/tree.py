"""A small project with the real scripts, and an index of wheels that this test builds: no network is needed."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "tree"
version = "1.0"
"""
_BACKEND = """
import zipfile

def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    name = "tree-1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{wheel_directory}/{name}", "w") as wheel:
        wheel.writestr("tree-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: tree\\nVersion: 1.0\\n")
        wheel.writestr("tree-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr("tree-1.0.dist-info/RECORD", "")
    return name
"""


@dataclass(frozen=True)
class Tree:
    """`folder` is the project, `index` holds the wheels."""

    folder: Path
    index: Path

    def lock(self, *lines: str) -> None:
        (self.folder / "requirements" / "run.txt").write_text("".join(lines))

    def bootstrap(self, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run `scripts/bootstrap run` as a person would whose pip knows only this index."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PYTHON"))}
        pip = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.index)}
        return subprocess.run(
            [self.folder / "scripts" / "bootstrap", "run"],
            env={**clean, **pip, **variables},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def installed(self) -> set[str]:
        """What `pip freeze` shows, without the project itself."""
        shown = self._run("-m", "pip", "freeze", "--exclude-editable")
        return {line for line in shown.splitlines() if not line.startswith("tree")}

    def python(self) -> str:
        """The version of Python in .venv."""
        return self._run("-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()

    def _run(self, *arguments: str) -> str:
        done = subprocess.run(
            [self.folder / ".venv/bin/python", *arguments], capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout


def build_tree(folder: Path) -> Tree:
    """A new one, with an empty lock."""
    for name in ("scripts", "requirements"):
        (folder / "tree" / name).mkdir(parents=True)
    (folder / "index").mkdir()
    for name in ("bootstrap", "find-python"):
        shutil.copy(ROOT / "scripts" / name, folder / "tree" / "scripts")
    (folder / "tree" / "pyproject.toml").write_text(_PYPROJECT)
    (folder / "tree" / "backend.py").write_text(_BACKEND)
    return Tree(folder / "tree", folder / "index")


def find_python(version: str) -> str | None:
    """The path of a Python of this version on this machine."""
    found = subprocess.run([ROOT / "scripts" / "find-python", version], capture_output=True, text=True, check=False)
    return found.stdout.strip() or None
