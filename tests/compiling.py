"""The processes of a run share the work of compiling the test modules.

pytest rewrites the assertions of a module when a process first imports it, and keeps the result beside the module. On a
fresh clone every process would rewrite every module, in the same order and at the same time.
"""

from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import pytest


def import_own_share_first(config: pytest.Config) -> None:
    """Import all modules of the run, and begin with those of this process: it finds the others' modules compiled."""
    worker: dict[str, str | int] | None = getattr(config, "workerinput", None)
    if not worker:
        return
    modules = list(_find_modules(config))
    begin = len(modules) * int(str(worker["workerid"]).removeprefix("gw")) // int(worker["workercount"])
    for module in (*modules[begin:], *modules[:begin]):
        with suppress(Exception, pytest.skip.Exception):  # the collection reports what can't be imported
            import_module(module)


def _find_modules(config: pytest.Config) -> Iterator[str]:
    asked = [Path(config.invocation_params.dir, argument.partition("::")[0]) for argument in config.args]
    ignored = [Path(config.invocation_params.dir, path) for path in config.getoption("ignore") or ()]
    for path in sorted(config.rootpath.glob("tests/**/test_*.py")):
        if any(path.is_relative_to(each) for each in asked) and not any(path.is_relative_to(each) for each in ignored):
            yield ".".join(path.relative_to(config.rootpath).with_suffix("").parts)
