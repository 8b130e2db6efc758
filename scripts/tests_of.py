#!/usr/bin/env python3
"""Print the tests to run after a change of a module: `scripts/tests_of.py subscriber/policy.py`.

They are the test files that import the module or, if none does, those that reach it by the fewest imports, at most
three. `--check` fails if a module has none. Standard library only.
"""

import ast
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("schemas", "publisher", "subscriber", "infra")
CLIENT = ("publisher", "python")
"""The folder of the Python client, a distribution of its own: its modules are named without it."""
AT_MOST = 3

Importers = dict[str, set[str]]
"""The files that import a file, by its path."""


def find_files() -> dict[str, str]:
    """Return the path of each module of ours by its dotted name."""
    files = {}
    for folder in (*PACKAGES, "tests"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT)
            if "node_modules" not in name.parts:
                parts = name.parent.parts if name.name == "__init__.py" else name.with_suffix("").parts
                parts = parts[2:] if parts[:2] == CLIENT else parts
                files[".".join(parts)] = str(name)
    return files


def find_importers(files: dict[str, str]) -> Importers:
    importers: Importers = defaultdict(set)
    for path in files.values():
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                name = node.value.partition(":")[0]  # of a command's table, or of `python -m` in a test
                names = [name, f"{name}.__main__"] if name.isascii() else []
            for name in names:
                if name in files and files[name] != path:
                    importers[files[name]].add(path)
    return importers


def is_test(path: str) -> bool:
    return path.startswith("tests/") and Path(path).name.startswith("test_")


def tests_of(path: str, importers: Importers) -> list[str]:
    """Return the nearest test files of a file."""
    seen, front = {path}, {path}
    for _ in range(AT_MOST):
        front = {importer for file in front for importer in importers[file]} - seen
        seen |= front
        if found := sorted(file for file in front if is_test(file)):
            return found
    return []


def main(arguments: list[str]) -> int:
    files = find_files()
    importers = find_importers(files)
    if arguments == ["--check"]:
        modules = [
            path for path in files.values() if not path.startswith("tests/") and Path(path).name != "__init__.py"
        ]
        without = [path for path in modules if not tests_of(path, importers)]
        for path in without:
            sys.stderr.write(f"{path}: no test imports it, not even through {AT_MOST - 1} other files\n")
        return 1 if without else 0
    unknown = [path for path in arguments if path not in files.values()]
    if unknown or not arguments:
        sys.stderr.write(
            f"usage: scripts/tests_of.py [--check] FILE…; not a module: {', '.join(unknown) or 'none given'}\n"
        )
        return 2
    for test in sorted({test for path in arguments for test in tests_of(path, importers)}):
        sys.stdout.write(f"{test}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
