"""Metrics for those who scrape."""

import asyncio
import sys
from pathlib import Path

import httpx

from tests.support.ports import free_port
from tests.support.processes import ROOT
from tests.support.wire import wire_house
from tests.vertex.script import Step


async def test_the_names_in_prometheus(tmp_path: Path) -> None:
    port = free_port()
    async with wire_house(tmp_path) as house:
        house.vertex.studio.default = Step(shrink=8)
        await house.start("worker", REELBUS_METRICS_PORT=str(port))
        await house.submit("one", generate_audio=False)
        [job] = await house.ended(1)
        async with httpx.AsyncClient(trust_env=False) as client:
            told = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
        environment = {**house.environment, "REELBUS_METRICS_PORT": str(port), "REELBUS_MODEL": "animatic:"}
        command = (sys.executable, "-m", "subscriber", "reconcile")
        process = await asyncio.create_subprocess_exec(*command, env=environment, cwd=ROOT)
        assert await process.wait() == 0, "a command leaves the port to the worker"
    model = 'gen_ai_request_model="veo-3.1-lite-generate-001"'
    spend = next(line for line in told.splitlines() if line.startswith("reelbus_spend_total{"))
    assert model in spend
    assert 'reelbus_charged="yes"' in spend
    assert float(spend.rpartition(" ")[2]) == float(job.cost_usd)
    for name in ("reelbus_clips_total", "reelbus_jobs_total", "reelbus_job_duration_seconds_bucket"):
        assert f"{name}{{" in told, name
