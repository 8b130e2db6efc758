"""Lead imports of modules and names that have moved since release 0.1.0 to their new places.

Programs that were written by the guide of that release import from our packages. `former_names.json` says where each
module of it is today, and which names changed. Nothing is read until an import fails. New code uses the new names.
"""

import json
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

_PACKAGES = ("schemas.", "infra.", "publisher.", "subscriber.")


class FormerModules(MetaPathFinder, Loader):
    """Finds modules that have moved. It is the last finder, so that it is asked only for modules that don't exist."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec for a module that has moved; None for any other."""
        is_former = fullname.startswith(_PACKAGES) and (fullname in _table() or _is_former_package(fullname))
        return ModuleSpec(fullname, self, is_package=_is_former_package(fullname)) if is_former else None

    def exec_module(self, module: ModuleType) -> None:
        """Give the module a `__getattr__` that looks up each of its former names."""
        if module.__name__ in _table():
            module.__dict__["__getattr__"] = former_names(module.__name__)


def install() -> None:
    """Let imports find modules that have moved. Idempotent."""
    if not any(isinstance(finder, FormerModules) for finder in sys.meta_path):
        sys.meta_path.append(FormerModules())


def former_names(module: str) -> Callable[[str], Any]:
    """Return a module's `__getattr__` for the names that it had in release 0.1.0. It warns about each name."""

    def look_up(name: str) -> Any:
        former = _table().get(module, {})
        names: Mapping[str, str] = former.get("names", {})
        if name.startswith("__") or not (name in names or former.get("module", module) != module):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        today = names.get(name, f"{former.get('module')}.{name}")
        place, _, new_name = today.rpartition(".")
        try:
            found = getattr(import_module(place), new_name)
        except AttributeError:
            raise AttributeError(f"module {module!r} has no attribute {name!r}") from None
        warnings.warn(f"{module}.{name} is now {today}", DeprecationWarning, stacklevel=2)
        return found

    return look_up


@cache
def _table() -> Mapping[str, Any]:
    table: Mapping[str, Any] = json.loads(Path(__file__).with_name("former_names.json").read_text("utf-8"))
    return table


@cache
def _is_former_package(name: str) -> bool:
    return any(module.startswith(f"{name}.") for module in _table())
