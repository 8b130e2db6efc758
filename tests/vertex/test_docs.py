"""docs/failures.md names a test in every row, and each of them is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_ROW = re.compile(r"\| .* \|")
_TEST = re.compile(r"`(tests/[a-z_/]+\.py)::(test_[a-z0-9_]+)` \|$")


def rows() -> list[str]:
    """The rows of both tables, without their heads."""
    lines = (ROOT / "docs" / "failures.md").read_text().splitlines()
    return [line for line in lines if _ROW.fullmatch(line) and not line.startswith("| shape")]


@pytest.mark.parametrize("row", rows())
def test_every_row_is_produced_by_a_test(row: str) -> None:
    found = _TEST.search(row)
    assert found, row
    tree = ast.parse((ROOT / found[1]).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    assert found[2] in {node.name for node in tree.body if isinstance(node, functions)}


def test_there_are_rows_for_both_halves() -> None:
    assert len(rows()) > 30
