"""Programs that were written by the guide of release 0.1.0 go on importing what they import."""

import json
import subprocess
import sys
import warnings
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLE = json.loads((ROOT / "schemas/former_names.json").read_text("utf-8"))
NAMES = [(module, name) for module, former in TABLE.items() for name in former.get("names", {})]
GUIDE = """
import sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from schemas.inbox import Inbox
from schemas.completion import Completion
from schemas.state import Outcome
from schemas.request import VideoRequest
from schemas.ports import Broke, Finished, Running
from publisher.compose import open_desk
from publisher.waiting import Waiters
from infra.embedded.animatic.picture import decode
import schemas.wire.request, subscriber.consumer
assert VideoRequest is schemas.wire.request.VideoRequest and Inbox is subscriber.consumer.Inbox
print(Finished.__name__, open_desk.__name__)
"""


def test_imports_of_the_last_release_lead_to_the_same_objects() -> None:
    run = subprocess.run(
        [sys.executable, "-c", GUIDE], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert (run.returncode, run.stdout) == (0, "GenerationDone open_context\n"), run.stderr


@pytest.mark.parametrize("module", TABLE)
def test_a_module_that_moved_is_found(module: str) -> None:
    assert import_module(module).__name__ == module
    assert import_module(TABLE[module]["module"]).__name__ == TABLE[module]["module"]


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_a_name_that_changed_is_found_and_says_its_new_place(module: str, name: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert getattr(import_module(module), name) is not None
    place = TABLE[module]["names"][name]
    assert f"{module}.{name} is now {place}" in {str(each.message) for each in caught}


def test_what_never_was_there_is_still_an_error() -> None:
    with pytest.raises(ModuleNotFoundError):
        import_module("schemas.never_was")
    with pytest.raises(AttributeError, match="has no attribute 'never_was'"):
        import_module("schemas.request").never_was  # noqa: B018
