"""The last lines of a run of the tests: how many ran, and on which Python, with or without Google's emulators and Node.

They also say what did not run, and why.
"""

import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from _pytest.terminal import TerminalReporter

from tests.suites import FOLDERS, TARGETS, count_by_suite

_NODE_SUITES = ("tests/node/", "tests/examples/")


class Summary:
    """A plugin of pytest; in each process of pytest-xdist, and in the one that leads them."""

    def __init__(self) -> None:
        self._deselected = Counter[str]()
        """How many tests are not selected, by their suite."""

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        self._deselected += count_by_suite(items)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput["deselected"] = dict(self._deselected)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self._deselected |= Counter(getattr(node, "workeroutput", {}).get("deselected", {}))

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        if reporter and not hasattr(config, "workerinput") and not config.option.collectonly:
            for line in self._lines(config, reporter):
                reporter.write_line(line)

    def _lines(self, config: pytest.Config, reporter: TerminalReporter) -> Iterator[str]:
        stats = reporter.stats
        counts = [f"{len(stats[kind])} {kind}" for kind in ("passed", "failed", "error", "skipped") if stats.get(kind)]
        python = f"Python {platform.python_version()} ({sys.executable})"
        yield f"Ran: {', '.join(counts) or 'no test'}, on {python}"
        ran = [report for kind in ("passed", "failed") for report in stats.get(kind, [])]
        emulated = sum("emulator" in report.keywords for report in ran)
        yield f"  on Google's emulators: {emulated or 'none'}"
        in_node = sum(report.nodeid.startswith(_NODE_SUITES) for report in ran)
        yield f"  with Node: {f'{in_node} (Node {_node_version()})' if in_node else 'none'}"
        for suite, count in sorted(self._deselected.items()):
            yield f"  not selected: {count}{f' {suite}; `make {TARGETS[suite]}` runs them' if suite else ''}"
        for path in config.option.ignore or []:
            hint = f"; `make {FOLDERS[path]}` runs it" if path in FOLDERS else ""
            yield f"  not selected: {path}{hint}"
        why = Counter(_reason(report) for report in stats.get("skipped", []))
        for reason, count in why.most_common():
            yield f"  skipped: {count}, because: {reason}"


def _reason(report: pytest.TestReport) -> str:
    told = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return str(told).removeprefix("Skipped: ")


def _node_version() -> str:
    done = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    return done.stdout.strip()
