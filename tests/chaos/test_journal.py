"""The journal tells errors that somebody foresaw from bugs."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.journal import Journal

OURS = "Traceback …\nschemas.errors.Unavailable: the database can't be used at the moment: disk I/O error"
CUT_SHORT = "Traceback …\nTimeoutError"
A_BUG = "Traceback …\nKeyError: 'job_id'"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = Journal(tmp_path / "log")
    yield journal
    journal.close()


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({"action": "announced", "job_id": "chaos-0001"}),
        json.dumps({"action": "lease_renewal_failed", "traceback": OURS}),
        json.dumps({"action": "submit_unknown", "traceback": CUT_SHORT}),
        "Error: the database can't be used at the moment: disk I/O error",
    ],
)
def test_what_was_foreseen_is_no_complaint(journal: Journal, line: str) -> None:
    journal.hear("worker0", line)
    assert journal.complaints == []


@pytest.mark.parametrize(
    "line",
    [
        json.dumps({"action": "reconcile_failed", "traceback": A_BUG}),
        json.dumps({"action": "handling_failed"}),
        json.dumps({"action": "http_broke"}),
        "Traceback (most recent call last):",
        "KeyError: 'job_id'",
    ],
)
def test_a_bug_is_one(journal: Journal, line: str) -> None:
    journal.hear("worker0", line)
    assert journal.complaints == [f"worker0: {line}"]


def test_lines_are_found_by_the_jobs_that_a_finding_names(journal: Journal) -> None:
    journal.hear("worker0", json.dumps({"action": "announced", "job_id": "chaos-0001"}))
    journal.hear("worker0", json.dumps({"action": "announced", "job_id": "chaos-0002"}))
    (line,) = journal.lines_about(["chaos-0002: was never recorded"])
    assert "chaos-0002" in line
    assert journal.actions["announced"] == 2
