"""Check that the pictures of docs/architecture.md are those of today's imports."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def drawing() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw_architecture", ROOT / "scripts" / "draw_architecture.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pictures_are_up_to_date(drawing: ModuleType) -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    assert drawing.draw(page) == page, "run scripts/draw_architecture.py"


def test_a_step_between_modules_that_do_not_import_each_other_is_refused(drawing: ModuleType) -> None:
    imports = drawing.read_imports(drawing.read_modules())
    wrong = drawing.Step("subscriber.policy", "subscriber.submission", "decide")
    with pytest.raises(ValueError, match=r"step 1: subscriber\.policy does not import subscriber\.submission"):
        drawing.draw_way((wrong,), imports)


def test_an_import_that_a_longer_way_replaces_is_left_out(drawing: ModuleType) -> None:
    graph = {"cli": {"facade", "wire"}, "facade": {"wire"}, "wire": set()}
    assert drawing.drop_indirect(graph) == {"cli": {"facade"}, "facade": {"wire"}, "wire": set()}


def test_imports_of_both_directions_are_one_line(drawing: ModuleType) -> None:
    assert "  a <--> b" in drawing.draw_packages({"a": {"b"}, "b": {"a"}}).splitlines()
