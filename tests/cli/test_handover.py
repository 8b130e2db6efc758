"""`worker`, `reconcile` and `evaluator` become the subscriber's own programs."""

import json
import signal

from tests.cli.processes import Processes


def test_arguments_and_help_go_through(processes: Processes) -> None:
    code, out, _ = processes.run("worker", "--help")
    assert code == 0
    assert "SIGTERM" in out
    code, out, _ = processes.run("reconcile", "--help")
    assert code == 0
    assert "--json" in out
    code, out, _ = processes.run("evaluator", "--help")
    assert code == 0
    assert "Score finished videos" in out


def test_its_exit_code_is_ours(processes: Processes) -> None:
    assert processes.run("worker", "--no-such-option")[0] == 2


def test_reconcile_for_scripts(processes: Processes) -> None:
    code, out, _ = processes.run("reconcile", "--json")
    assert code == 0
    assert all(isinstance(count, int) for count in json.loads(out).values())


def test_sigterm_ends_a_worker_well(processes: Processes) -> None:
    worker = processes.start("worker")
    worker.complaint(r"(worker_ready)")
    worker.signal(signal.SIGTERM)
    assert worker.end()[0] == 0
