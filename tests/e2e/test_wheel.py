"""The built wheel, in an empty environment, from outside the repository: what a user gets is what we tested."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WHAT_IS_THERE = """
import importlib.metadata as m, importlib.util, importlib.resources as r
packages = ("schemas", "publisher", "subscriber", "infra")
print(all(r.files(name).joinpath("py.typed").is_file() for name in packages))
print(importlib.util.find_spec("google") is None)
console = r.files("publisher.console")
needed = ("templates/job.html", "static/htmx-4.0.1.min.js", "static/htmx-4.0.1.LICENSE.txt")
print(all(console.joinpath(name).is_file() for name in needed))
licence = m.distribution("reelbus").read_text("licenses/LICENSE")
print(m.metadata("reelbus")["License-Expression"] == "Apache-2.0" and "END OF TERMS" in licence)
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that holds the wheel and its pinned dependencies, and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder), str(ROOT))
    [wheel] = folder.glob("reelbus-*.whl")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    _run(
        str(python),
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--require-hashes",
        "-r",
        str(ROOT / "requirements" / "run.txt"),
    )
    _run(str(python), "-m", "pip", "install", "-q", "--no-deps", str(wheel))
    return folder / "venv" / "bin"


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_installed_wheel_makes_a_video_carries_types_and_no_google_package(installed: Path, tmp_path: Path) -> None:
    film = tmp_path / "film.mp4"
    order = ["generate", "A kite over the dunes at noon", "--duration", "1", "-o", str(film), "--json"]
    answer = json.loads(_run(str(installed / "reelbus"), *order, cwd=tmp_path))
    assert answer["state"] == "succeeded"
    assert Path(answer["file"]) == film
    assert film.stat().st_size > 10_000
    assert _run(str(installed / "python"), "-c", WHAT_IS_THERE, cwd=tmp_path).split() == ["True"] * 4


def _run(*command: str, cwd: Path = ROOT) -> str:
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("REELBUS_", "PYTHON"))}
    done = subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
