"""What holds for every example: short, formatted, pinned, and built on what is documented alone."""

import ast
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.examples.guide import command
from tests.examples.programs import Place

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
PROGRAMS = [path for path in sorted(EXAMPLES.rglob("*.[jp][sy]")) if "node_modules" not in path.parts]
DOCUMENTED = {"schemas.wire.completion", "subscriber.consumer", "schemas.domain.states"}
OURS = {"schemas", "publisher", "subscriber", "infra"}


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.name)
def test_a_newcomer_can_read_it_at_one_sitting(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 80


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_python_s_import_only_what_is_documented(path: Path) -> None:
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {getattr(node, "module", None) or node.names[0].name for node in nodes}
    assert {name for name in names if name.split(".")[0] in OURS} <= DOCUMENTED


@pytest.mark.parametrize("path", [path for path in PROGRAMS if path.suffix == ".js"], ids=lambda path: path.name)
def test_node_s_import_only_what_is_documented(path: Path) -> None:
    imported = re.findall(r'^(?:import|export) .* from "([^"]+)";', path.read_text(), re.MULTILINE)
    ours = {name for name in imported if name.startswith(("reelbus", ".."))}
    assert ours <= {"reelbus", "reelbus/videoGenerationService.js"}


def test_what_they_need_is_pinned_and_named_without_a_place() -> None:
    wanted = json.loads((EXAMPLES / "package.json").read_text())["dependencies"]
    assert wanted.pop("reelbus") == "file:../publisher/node"
    assert all(re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", version) for version in wanted.values())
    lock = json.loads((EXAMPLES / "package-lock.json").read_text())["packages"]
    assert {name for name, each in lock.items() if "resolved" in each} == {"node_modules/reelbus"}
    assert all("integrity" in each for name, each in lock.items() if name not in {"", "node_modules/reelbus"})


def test_every_program_is_in_the_list_and_those_that_are_run_in_the_guide() -> None:
    listed = (EXAMPLES / "README.md").read_text()
    assert all(path.relative_to(EXAMPLES).parts[0] in listed for path in PROGRAMS)
    run = ("publish.js", "python_publisher.py", "subscribe.js", "python_subscriber.py", "uvicorn", "legacy", "run.js")
    assert all(command(name) for name in run)


async def test_a_wrong_command_is_answered_with_the_right_one(here: Place) -> None:
    said = await here.run("python examples/python_publisher.py my-project", status=2)
    assert "usage: python_publisher.py" in said


def test_node_s_are_formatted(installed: Path) -> None:
    prettier = ROOT / "publisher" / "node" / "node_modules" / ".bin" / "prettier"
    if not prettier.exists():
        missing = "the Node package's own tools are not installed: make node"
        if os.environ.get("CI"):
            pytest.fail(f"the examples for Node must be looked at in CI: {missing}")
        pytest.skip(missing)
    config = ROOT / "publisher" / "node" / "package.json"
    files = [str(path) for path in PROGRAMS if path.suffix == ".js"]
    check = [str(prettier), "--config", str(config), "--check", *files]
    done = subprocess.run(check, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
