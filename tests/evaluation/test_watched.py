"""What watches an evaluator: its probes, its spans and metrics, and its end after SIGTERM."""

import asyncio
import secrets
import signal
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import httpx
import pytest

from infra.telemetry.catalogue import METRICS, SPANS
from schemas.domain.evaluation import cost_of
from schemas.ports import EVALUATORS, Bus, Subscription
from subscriber.health import open_health
from tests.evaluation.house import House
from tests.evaluation.service import EvaluationService
from tests.evaluation.test_process import evaluator, run
from tests.support.ports import free_port
from tests.telemetry.otlp import Collector, attributes_of, collecting

WANTED = {"process video-completions", "ack video-evaluators", "get jobs", "cas jobs", "put", "send video-evaluations"}


@dataclass
class Looking:
    """A bus that notes which subscriptions are looked at."""

    bus: Bus
    looked: list[Subscription] = field(default_factory=list)

    async def check(self, subscription: Subscription) -> Sequence[str]:
        self.looked.append(subscription)
        return await self.bus.check(subscription)


@pytest.fixture
def port() -> int:
    return free_port()


async def _ask(port: int, path: str) -> tuple[int, dict[str, str]]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        answer = await client.get(path)
        return answer.status_code, answer.json()


async def test_an_evaluator_is_ready_from_its_start_to_its_stop(house: House, port: int) -> None:
    bus = Looking(house.ctx.bus)
    ctx = replace(house.ctx, bus=cast("Bus", bus))
    async with open_health(ctx, "127.0.0.1", port, stopping=ctx.stopping, subscription=EVALUATORS) as health:
        assert await _ask(port, "/readyz") == (503, {"status": "unavailable", "missing": "start"})
        health.show_ready()
        assert await _ask(port, "/readyz") == (200, {"status": "ready"})
        assert bus.looked == [EVALUATORS]
        async with house.evaluating(stopping=ctx.stopping):
            assert not ctx.stopping.is_set()
        assert await _ask(port, "/readyz") == (503, {"status": "draining"})
        assert await _ask(port, "/livez") == (200, {"status": "alive"})


async def test_a_score_is_in_the_trace_of_its_job(
    house: House, service: EvaluationService, tmp_path: Path, port: int
) -> None:
    trace = secrets.token_hex(16)
    with collecting() as collector:
        settings = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_METRIC_EXPORT_INTERVAL": "200",
            "REELBUS_HEALTH_PORT": str(port),
            "REELBUS_EVALUATION_PRICE_USD": "0.05",
        }
        async with evaluator(tmp_path, service.url, **settings) as process:
            assert (await _ask(port, "/livez"))[0] == (await _ask(port, "/readyz"))[0] == 200
            await house.finish(traceparent=f"00-{trace}-{secrets.token_hex(8)}-01")
            assert (await house.hear()).evaluation.score == 0.5
            await _check_money(house, collector)
            process.send_signal(signal.SIGTERM)  # it drains: the completion is acknowledged
            assert await process.wait() == 0
    assert {span.name for span in collector.spans if span.trace_id.hex() == trace} >= WANTED
    _check_tables(collector)
    by_limit = collector.by("reelbus.budget.used", "reelbus.budget")
    assert by_limit.keys() == {"evaluations day"}, "the alert SpendFast leaves out the budget of this name"
    assert not [body for body in collector.bodies if b"red kite" in body], "no prompt and no question"


async def _check_money(house: House, collector: Collector) -> None:
    """The calls are counted once they have ended, at the price of the ledger."""
    cost_usd = float(cost_of((await house.job()).evaluations) or 0)
    assert cost_usd == 0.1
    wanted = ({"evaluation": 1, "rubrics": 1}, cost_usd)
    async with asyncio.timeout(60):
        while (  # noqa: ASYNC110  # an export arrives in another thread
            collector.by("reelbus.evaluations", "reelbus.evaluation.kind"),
            collector.total("reelbus.evaluation.spend"),
        ) != wanted:
            await asyncio.sleep(0.02)


def _check_tables(collector: Collector) -> None:
    """Spans and metrics are those of the catalogue, and the evaluator counts no money that the worker counted."""
    names = {name.partition("{")[0].strip() for name in SPANS}
    assert {span.name.partition(" video-")[0] for span in collector.spans} <= names
    for span in collector.spans:
        assert attributes_of(span).get("reelbus.job.id", "job-1") == "job-1", span.name
    measured = {name for _, name, _ in collector.values}
    assert measured <= METRICS.keys()
    assert not measured & {"reelbus.spend", "reelbus.clips", "reelbus.jobs"}


def test_it_starts_in_an_empty_folder_up_to_a_port_that_is_taken(tmp_path: Path) -> None:
    """In a container there is no data folder before the process: it got as far as the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        ended = run(tmp_path / "data", "-m", "subscriber.evaluation", REELBUS_HEALTH_PORT=str(port))
    assert ended.returncode == 2
    assert f"REELBUS_HEALTH_PORT: can't listen on 127.0.0.1 port {port}" in ended.stderr
