"""The matrix runs once, all of its cases side by side; each test then looks at the verdict on its own."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import pytest
from _pytest.outcomes import Skipped

from tests.crash.cases import Case
from tests.crash.ground import Embedded, Ground, emulated
from tests.crash.record import recordings
from tests.crash.run import judged_all, table
from tests.crash.verdict import Verdict

_TABLE = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """Folders of this machine."""
    return Embedded(tmp_path_factory.mktemp("embedded"))


@pytest.fixture(scope="session")
def on_emulators(emulators: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Google's emulators, with a bucket."""
    with emulated(tmp_path_factory.mktemp("emulators"), emulators) as ground:
        yield ground


@pytest.fixture(scope="session")
def grounds(request: pytest.FixtureRequest, embedded: Ground) -> Mapping[str, Ground]:
    """What this session needs, as far as it is there."""
    found = {embedded.name: embedded}
    if "emulators" in _asked(request, "ground") + [case.ground for case in _cases(request)]:
        with suppress(Skipped):  # the tests that need them say so themselves
            found["emulators"] = request.getfixturevalue("on_emulators")
    return found


@pytest.fixture(scope="session")
def recorded(request: pytest.FixtureRequest, grounds: Mapping[str, Ground]) -> Mapping[str, list[str]]:
    """The points of healthy runs, by the name of the file that lists them. They warm everything up, too."""
    return asyncio.run(recordings([grounds[name] for name in sorted(grounds.keys() & _asked(request, "ground"))]))


@pytest.fixture(scope="session")
def verdicts(
    request: pytest.FixtureRequest, grounds: Mapping[str, Ground], recorded: Mapping[str, list[str]]
) -> Mapping[str, Verdict]:
    """What became of all the cases that this session asks for."""
    del recorded  # the machine has this minute to itself
    cases = [case for case in _cases(request) if case.ground in grounds]
    found = asyncio.run(judged_all(cases, grounds))
    request.config.stash[_TABLE] = table(list(found.values()))
    return found


@pytest.fixture
def verdict(request: pytest.FixtureRequest, case: Case, verdicts: Mapping[str, Verdict]) -> Verdict:
    """The one on this case."""
    if case.id not in verdicts:
        request.getfixturevalue("on_emulators")  # skips, with the reason
    return verdicts[case.id]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The table, once the matrix has run."""
    if told := config.stash.get(_TABLE, None):
        terminalreporter.section("crash matrix")
        terminalreporter.write_line(told)


def _asked(request: pytest.FixtureRequest, name: str) -> list[Any]:
    """What the tests of this session ask for by a parameter's name."""
    specs = [getattr(item, "callspec", None) for item in request.session.items]
    return [spec.params[name] for spec in specs if spec and name in spec.params]


def _cases(request: pytest.FixtureRequest) -> list[Case]:
    return [case for case in _asked(request, "case") if isinstance(case, Case)]
