"""Which event loop a service runs on."""

import asyncio
import gc
import sys
from importlib.util import find_spec

import pytest

from infra.event_loop import Choice, freeze_loaded, run_service
from schemas.errors import Invalid


async def _loop_module() -> str:
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


@pytest.mark.parametrize("choice", ["auto", "asyncio"])
def test_a_service_runs_on_uvloop_where_it_is_installed_and_wanted(choice: Choice) -> None:
    installed = find_spec("uvloop") is not None
    assert run_service(_loop_module(), choice) == ("uvloop" if installed and choice == "auto" else "asyncio")


def test_without_uvloop_a_service_runs_on_asyncio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert run_service(_loop_module(), "auto") == "asyncio"


def test_a_loop_that_is_wanted_and_not_installed_is_an_error_in_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with pytest.raises(Invalid, match="REELBUS_EVENT_LOOP is uvloop, which is not installed"):
        run_service(_loop_module(), "uvloop")


def test_what_is_loaded_is_visited_by_no_collection_and_what_comes_later_is() -> None:
    class Loaded:
        """An object that refers to itself."""

    loaded = Loaded()
    loaded.__dict__["self"] = loaded
    freeze_loaded()
    later = Loaded()
    later.__dict__["self"] = later
    seen = {id(it) for it in gc.get_objects()}
    assert gc.get_freeze_count() > 0
    assert id(loaded) not in seen
    assert id(later) in seen
