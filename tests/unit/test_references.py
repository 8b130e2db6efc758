"""Check that each path, module, link, test and make target that the documentation or a comment names exists."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("schemas", "publisher", "subscriber", "infra", "tests", "bench")
FOLDERS = (*PACKAGES, "examples", "scripts", "docs", "requirements")
PROSE = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md", "infra/**/*.md", "publisher/**/*.md")
    for path in ROOT.glob(pattern)
    if "node_modules" not in path.parts
)
SOURCES = sorted(
    path for folder in FOLDERS for path in ROOT.glob(f"{folder}/**/*.py") if "node_modules" not in path.parts
)

_PATH = re.compile(rf"(?<![\w./@{{-])((?:{'|'.join(FOLDERS)})/[\w./-]*\w)((?:::\w+)*)")
_MODULE = re.compile(rf"(?<![\w./@\"'-])((?:{'|'.join(PACKAGES)})(?:\.\w+)+)\b(?!\()")
_FILE = re.compile(r"(?<![\w/.*<-])([a-z_]\w*\.py)\b")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_MAKE = re.compile(r"`make ([a-z][a-z-]*)")
_CODE_BLOCK = re.compile(r"^```(?:python|js|mermaid|diff)\n.*?^```$", re.MULTILINE | re.DOTALL)


@cache
def _file_names() -> set[str]:
    return {path.name for path in SOURCES}


@cache
def _text(path: Path) -> str:
    return path.read_text()


def _is_missing_path(name: str, tests: str, reader: Path) -> bool:
    # A page or module of the Node package names files beside it.
    found = next(
        (base / name for base in (ROOT, reader.parent, ROOT / "publisher/node") if (base / name).exists()), None
    )
    if found is None:
        return True
    return any(not re.search(rf"def {test}\b|class {test}\b", _text(found)) for test in tests.split("::")[1:])


def _is_missing_module(dotted: str) -> bool:
    path = ROOT
    names = dotted.split(".")
    while names and (path / names[0]).is_dir():
        path /= names.pop(0)
    if names and (path / f"{names[0]}.py").exists():
        path /= f"{names.pop(0)}.py"
    source = path if path.is_file() else path / "__init__.py"
    if names and names[0] == "py":
        return True
    return bool(names) and not (source.exists() and re.search(rf"\b{names[0]}\b", _text(source)))


def missing_references(text: str, reader: Path) -> Iterator[str]:
    """Yield what `text`, a part of the file `reader`, names and the repository lacks."""
    for path, tests in _PATH.findall(text):
        if _is_missing_path(path, tests, reader):
            yield path + tests
    yield from (dotted for dotted in _MODULE.findall(text) if _is_missing_module(dotted))
    yield from (name for name in _FILE.findall(text) if name not in _file_names())


def comments_and_docstrings(path: Path) -> Iterator[str]:
    source = path.read_text()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


@cache
def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PROSE, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_only_what_exists(page: Path) -> None:
    text = page.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert list(missing_references(_CODE_BLOCK.sub("", text), page)) == []
    assert [target for target in _MAKE.findall(text) if target not in targets] == []


@pytest.mark.parametrize("page", PROSE, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.findall(page.read_text()):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_comments_and_docstrings_name_only_what_exists(folder: str) -> None:
    missing = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in SOURCES
        if path.relative_to(ROOT).parts[0] == folder
        for text in comments_and_docstrings(path)
        for name in missing_references(text, path)
    }
    assert missing == set()


def test_the_page_about_operations_lists_every_action_of_the_logs() -> None:
    page = (ROOT / "docs/operations.md").read_text()
    logged = {
        action
        for path in SOURCES
        if path.relative_to(ROOT).parts[0] in PACKAGES[:4]
        for action in re.findall(r'"action": "(\w+)"', _text(path))
    }
    assert {action for action in logged if f"`{action}`" not in page} == set()
    listed = re.findall(
        r"`(\w+)`", "".join(re.findall(r"^\| (`\w+`[^|]*)\|", page.partition("## Logs")[2], re.MULTILINE))
    )
    source = "".join(_text(path) for path in SOURCES if path.relative_to(ROOT).parts[0] in PACKAGES[:4])
    assert [action for action in listed if f'"{action}"' not in source] == []


def test_a_reference_to_nothing_is_found() -> None:
    here = Path(__file__)
    text = (
        "schemas/nowhere.py, schemas.wire.nowhere, infra.gcp.pubsub.bus, nowhere.py and tests/unit/test_references.py"
    )
    assert set(missing_references(text, here)) == {"schemas/nowhere.py", "schemas.wire.nowhere", "nowhere.py"}
    assert list(missing_references("tests/unit/test_references.py::test_that_is_gone", here)) != []


def test_the_readme_lists_the_folders_of_the_top_level() -> None:
    listed = {line.split("/")[0] for line in re.findall(r"^\w+/ .*$", (ROOT / "README.md").read_text(), re.MULTILINE)}
    assert set(PACKAGES) == listed
