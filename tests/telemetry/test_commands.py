"""A command on the stores counts what it changes, and sends that when it ends."""

import json
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from infra.telemetry import commands
from publisher.context import PublisherContext
from schemas.domain import events as ev
from schemas.domain.clip import Plan
from schemas.services.update import update_job
from tests.cli.commands import Shell
from tests.telemetry.otlp import Collector, collecting, hanging
from tests.unit.makers import GONE, a_plan

MODEL = "veo-3.1-fast"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "data")


def _make(shell: Shell, job_id: str, *words: str) -> None:
    """A job that was sent a while ago, and what came of it. This process counts, too."""

    async def advance(ctx: PublisherContext) -> None:
        at = ctx.clock.now() - timedelta(minutes=10)
        plan = Plan(clips=a_plan(model=MODEL).clips)
        events: dict[str, ev.Step] = {
            "send": ev.SubmitStarted(at=at, plan=plan, owner="worker-7", nonce="n0nce"),
            "lose": ev.SubmitOutcomeUnknown(at=at, nonce="n0nce"),
            "accept": ev.SubmitAccepted(at=at, nonce="n0nce", operation=f"operations/{job_id}"),
            "judge": ev.SubmitGivenUp(at=at, failure=GONE),
        }
        for word in ("send", *words):
            await update_job(ctx.jobs, job_id, lambda _, word=word: events[word])  # type: ignore[misc]

    shell.queued(job_id)
    shell.with_desk(advance)


def _counted(collector: Collector, charged: str) -> Decimal:
    """What is left of the series over all processes."""
    names = ("yes", "discarded") if charged == "yes" else (charged,)
    spent = sum(collector.total("reelbus.spend", reelbus__charged=name) for name in names)
    return Decimal(str(round(spent - collector.total("reelbus.spend.reversed", reelbus__charged=charged), 6)))


def test_what_commands_change_is_the_ledgers(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person resolves, replays and cancels, by a process each."""
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setattr(commands, "FLUSH_S", 30.0)  # for a machine that has much else to do
        for job_id in ("charged", "not-charged", "again", "resolved-twice"):
            _make(shell, job_id, "lose", "judge")
        _make(shell, "running", "accept")
        for arguments in (
            ("resolve", "charged", "--charged"),
            ("resolve", "not-charged", "--not-charged"),
            ("resolve", "resolved-twice", "--resubmit"),
            ("replay", "again"),
            ("cancel", "running"),
            ("status", "running"),
        ):
            done = shell(*arguments)
            assert done.exit_code == 0, done.output
        said = json.loads(shell("spend", "--by", "model", "--json").stdout)
    assert len({instance for instance, _, _ in collector.values}) == 5 + 3, "a new life moves no money"
    [group] = said["groups"]
    assert group["key"] == MODEL
    assert _counted(collector, "yes") == Decimal(str(group["charged_usd"])) == Decimal("0.8")
    assert _counted(collector, "unknown") == Decimal(str(group["unknown_usd"])) == Decimal("0.8")
    assert collector.by("reelbus.jobs", "reelbus.job.state") == {"failed": 4, "cancelled": 1}
    assert collector.total("reelbus.spend.reversed", reelbus__charged="unknown") == 0.8


def test_a_collector_that_hangs_keeps_no_command(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    _make(shell, "running", "accept")
    monkeypatch.setattr(commands, "FLUSH_S", 0.1)
    with hanging() as collector:
        done = shell("cancel", "running", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        assert done.exit_code == 0, done.output
        assert not collector.over.is_set()


def test_a_command_goes_on_without_the_libraries(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _make(shell, "running", "accept")
    monkeypatch.setitem(sys.modules, "infra.telemetry.process", None)
    done = shell("cancel", "running", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert done.exit_code == 0, done.output
    assert "telemetry_missing" in {getattr(record, "action", "") for record in caplog.records}


def test_a_command_that_reads_loads_nothing(shell: Shell) -> None:
    shell.queued("waiting")
    program = (
        "import sys; from publisher.cli import main\n"
        "try: main()\n"
        "finally: print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "status", "waiting"],
        env={"REELBUS_DATA_DIR": str(shell.data_dir), "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
