"""Check that each module has a test that reaches it by few imports, and that `scripts/tests_of.py` finds it."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tests_of", ROOT / "scripts" / "tests_of.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    importers = module.find_importers(module.find_files())  # once: all files are read
    vars(module)["find_importers"] = lambda _: importers
    return module


def test_each_module_has_a_test(program: ModuleType) -> None:
    assert program.main(["--check"]) == 0


def test_a_module_without_a_test_is_named(
    program: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = program.find_files()
    monkeypatch.setattr(program, "find_files", lambda: {**files, "infra.untested": "infra/untested.py"})
    assert program.main(["--check"]) == 1
    assert capsys.readouterr().err == "infra/untested.py: no test imports it, not even through 2 other files\n"


def test_the_tests_of_a_module_are_those_that_import_it(
    program: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main(["infra/gcp/vertex/prices.py"]) == 0
    assert "tests/unit/test_prices.py\n" in capsys.readouterr().out
    assert program.main(["infra/nothing.py"]) == 2
