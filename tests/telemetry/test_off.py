"""Without telemetry nothing of OpenTelemetry is loaded; with it, a collector that hangs keeps no job waiting."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT
from tests.support.wire import wire_house
from tests.telemetry.otlp import hanging
from tests.vertex.script import Step


async def _imports(folder: Path, *command: str, **environment: str) -> list[str]:
    """The modules that a service imports from its start to its stop, as the interpreter tells."""
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-X", "importtime", "-m", *command, "--ready-fd", str(writing),
        env={**os.environ, "REELBUS_DATA_DIR": str(folder), "PORT": "0", "REELBUS_RENDERERS": "1", **environment},
        cwd=ROOT, pass_fds=[writing], stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    os.close(writing)
    told = asyncio.create_task(process.communicate())
    with os.fdopen(reading) as pipe:
        assert await asyncio.to_thread(pipe.readline)
    process.send_signal(signal.SIGTERM)
    _, said = await told
    assert process.returncode == 0, said.decode()[-3000:]
    return [line.rpartition("|")[2].strip() for line in said.decode().splitlines() if line.startswith("import time:")]


@pytest.mark.parametrize("command", [("publisher", "serve"), ("subscriber",)])
async def test_nothing_is_loaded_without_a_collector(tmp_path: Path, command: tuple[str, ...]) -> None:
    modules = await _imports(tmp_path, *command, OTEL_EXPORTER_OTLP_ENDPOINT="")
    assert "infra.telemetry.opening" in modules
    assert [name for name in modules if name.startswith(("opentelemetry", "prometheus_client"))] == []


async def test_a_collector_that_is_away_is_one_warning(tmp_path: Path) -> None:
    """And no error: it is none of the service's."""
    often = {"OTEL_METRIC_EXPORT_INTERVAL": "50", "OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    async with wire_house(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", **often) as house:
        house.vertex.studio.default = Step(shrink=8)
        worker = await house.start("worker")
        await house.submit("first", generate_audio=False)
        await house.ended(1)
        await house.until(lambda: house.logged()["telemetry_unsent"] == 1)
        assert await worker.stop() == 0
        lines = (house.folder / "log").read_text().splitlines()
        assert not [line for line in lines if '"ERROR"' in line or "opentelemetry" in line]
        assert house.logged()["telemetry_unsent"] == 1


async def test_a_collector_that_hangs_keeps_no_job_waiting(tmp_path: Path) -> None:
    """The jobs end and the processes stop while the first export is still without an answer."""
    with hanging() as collector:
        often = {"OTEL_METRIC_EXPORT_INTERVAL": "50", "OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_BSP_MAX_QUEUE_SIZE": "16"}
        often["OTEL_BSP_MAX_EXPORT_BATCH_SIZE"] = "16"
        often["OTEL_EXPORTER_OTLP_TIMEOUT"] = "600"
        async with wire_house(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **often) as house:
            house.vertex.studio.default = Step(shrink=8)
            worker = await house.start("worker")
            await house.submit("first", generate_audio=False)
            await house.ended(1)
            assert await asyncio.to_thread(collector.asked.wait, 60)
            for number in range(10):
                await house.submit(f"job-{number}", generate_audio=False)
            jobs = await house.ended(11)
            assert {job.state for job in jobs} == {"succeeded"}
            assert await worker.stop() == 0
        assert not collector.over.is_set()
