"""A test that `make test` leaves out is run by another target."""

from pathlib import Path

import pytest

from tests.suites import MEDIA, PROCESSES, SLOW, SOURCE

ROOT = Path(__file__).parents[2]


def test_make_test_processes_is_given_every_file_of_its_suite() -> None:
    makefile = (ROOT / "Makefile").read_text().splitlines()
    folders = next(line for line in makefile if '"processes and not slow"' in line).rpartition('"')[2].split()
    assert folders
    left_out = [path for path, text in _files() if _is_of_processes(path, text) and not path.startswith(tuple(folders))]
    assert left_out == []


def test_each_place_of_a_suite_exists() -> None:
    files = [path for path, _ in _files()]
    places = [place.partition("::")[0] for place in (*MEDIA, *PROCESSES, *SOURCE, *SLOW)]
    assert [place for place in places if not any(path.startswith(place) for path in files)] == []


def test_no_property_is_timed(request: pytest.FixtureRequest) -> None:
    """Each test has the settings that Hypothesis had when its module was imported."""
    found = {
        item.nodeid: getattr(getattr(item, "obj", None), "_hypothesis_internal_use_settings", None)
        for item in request.session.items
    }
    assert [name for name, settings in found.items() if settings and settings.deadline is not None] == []


def _files() -> list[tuple[str, str]]:
    return [(str(path.relative_to(ROOT)), path.read_text()) for path in sorted((ROOT / "tests").rglob("test_*.py"))]


def _is_of_processes(path: str, text: str) -> bool:
    return path.startswith(
        tuple(place.partition("::")[0] for place in PROCESSES)
    ) or "pytest.mark.processes" in text.replace('"pytest.mark.processes"', "")
