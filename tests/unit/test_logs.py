"""What Cloud Logging reads of a line."""

import json
import subprocess
import sys
from typing import Any

from infra.gcp.settings import trace_project

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PROGRAM = """
import logging, sys
from infra.logs import configure_logs
from schemas.wire.trace import TRACEPARENT
configure_logs(project=sys.argv[1])
TRACEPARENT.set(sys.argv[2] or None)
logging.getLogger("reelbus").error("a line", extra={"action": "x"})
"""


def _line(project: str, traceparent: str) -> dict[str, Any]:
    command = [sys.executable, "-c", PROGRAM, project, traceparent]
    line: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stderr)
    return line


def test_a_line_names_its_severity_and_its_trace() -> None:
    line = _line("films", TRACEPARENT)
    assert (line["severity"], line["level"], line["action"]) == ("ERROR", "ERROR", "x")
    assert line["logging.googleapis.com/trace"] == "projects/films/traces/0af7651916cd43dd8448eb211c80319c"
    assert line["logging.googleapis.com/spanId"] == "b7ad6b7169203331"
    assert line["logging.googleapis.com/trace_sampled"] is True
    assert _line("films", TRACEPARENT[:-1] + "0")["logging.googleapis.com/trace_sampled"] is False


def test_without_a_project_or_a_trace_it_names_none() -> None:
    for project, traceparent in (("", TRACEPARENT), ("films", "")):
        assert not [key for key in _line(project, traceparent) if key.startswith("logging.")]


def test_the_project_is_that_of_an_address() -> None:
    assert trace_project("sqlite:///x", "firestore://acme/(default)", "vertex://other") == "acme"
    assert trace_project("sqlite:///x", "animatic:") == ""
