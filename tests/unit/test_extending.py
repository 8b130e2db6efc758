"""Apply the blocks of docs/extending.md to a copy of this folder, and run there what the page says that holds them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "extending.md").read_text()
PARTS = re.findall(r"^## (.+?)$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
_LEFT_OUT = shutil.ignore_patterns(".*", "node_modules", "__pycache__", "*.pyc")


def apply(block: str, folder: Path) -> None:
    """Apply one block: after `--- FILE` lines that are kept, added and taken away; after `+++ FILE` a new file."""
    changes = re.findall(r"^(---|\+\+\+) (\S+)\n(.*?)(?=^--- |^\+\+\+ |\Z)", block, re.MULTILINE | re.DOTALL)
    assert changes, f"no file is named in this block:\n{block}"
    for kind, name, lines in changes:
        path = folder / name
        new = "".join(f"{line[1:]}\n" for line in lines.splitlines() if line[:1] in (" ", "+"))
        if kind == "+++":
            path.parent.mkdir(exist_ok=True)
            path.write_text(new)
            continue
        old = "".join(f"{line[1:]}\n" for line in lines.splitlines() if line[:1] in (" ", "-"))
        text = path.read_text()
        assert text.count(old) == 1, f"{name} has these lines {text.count(old)} times:\n{old}"
        path.write_text(text.replace(old, new))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "copy"
    shutil.copytree(ROOT, folder, ignore=_LEFT_OUT)
    if (modules := ROOT / "publisher/node/node_modules").is_dir():
        (folder / "publisher/node/node_modules").symlink_to(modules)
    for _, text in PARTS:
        for block in re.findall(r"^```diff\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            apply(block, folder)
    return folder


def run(folder: Path, *command: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "PYTHON"))}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}{done.stderr[-2000:]}"


def test_the_page_has_the_four_parts_with_a_block_each() -> None:
    assert [title for title, text in PARTS if "```diff" in text] == [
        "A field of the request",
        "A model of Vertex AI",
        "A family of another provider",
        "A bus",
    ]


def test_the_blocks_apply_and_compile(copy: Path) -> None:
    run(copy, sys.executable, "-m", "json.tool", "schemas/vectors/requests.json", os.devnull)
    run(copy, sys.executable, "-m", "compileall", "-q", "schemas", "publisher/cli", "infra")
    run(copy, sys.executable, "-c", "from infra.adapters import BUSES, find_provider; find_provider('slate:')")


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_what_the_blocks_add_passes_its_suites(copy: Path) -> None:
    if not shutil.which("npm") or not (copy / "publisher/node/node_modules").exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no npm: the Node package's types can't be generated")
    run(copy, sys.executable, "-m", "schemas.export")
    run(copy / "publisher/node", "node", "scripts/types.js")
    suites = ("test_request_fields.py", "test_video_model.py", "test_bus.py")
    chosen = "slate or counted or entry or 3.2 or each_field or row"
    for name in suites:  # one by one: pytest fails if it selects no case
        run(copy, sys.executable, "-m", "pytest", "-q", "-x", f"tests/contract/{name}", "-k", chosen)
    run(copy, sys.executable, "-m", "pytest", "-q", "-x", "tests/unit/test_vectors.py", "tests/unit/test_export.py")
