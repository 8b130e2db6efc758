"""What every suite may ask for: Google's emulators, shared by the whole run. And what the run says at its end."""

import gc
import os
import signal

import pytest
from hypothesis import settings

from tests.compiling import import_own_share_first
from tests.gcp.emulated import emulators, project, pytest_sessionfinish
from tests.suites import mark_by_place
from tests.summary import Summary
from tests.support.tls import share_default_context

__all__ = ["emulators", "project", "pytest_sessionfinish"]

# Hypothesis makes the same examples in each run, and measures no time: a busy machine is no fault of the code. This is
# said before any test is imported, since a test keeps the settings that it finds then.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")

# A run that a shell put into the background ignores Ctrl-C, and all that it starts would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

share_default_context()

# What the tests start listens on this machine: no proxy stands between, whatever HTTP_PROXY says.
for _name in ("NO_PROXY", "no_proxy"):
    os.environ[_name] = ",".join(filter(None, [os.environ.get(_name), "127.0.0.1,localhost,::1"]))


@pytest.hookimpl(tryfirst=True)
def pytest_collection(session: pytest.Session) -> None:
    import_own_share_first(session.config)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    mark_by_place(items)


def pytest_collection_finish() -> None:
    """Take 11,000 items and all modules out of what the garbage collector looks at: a tenth of all tests' CPU time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Summary())
