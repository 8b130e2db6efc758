"""What people decide at a facade is counted once each, by its API."""

from dataclasses import replace
from pathlib import Path

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from infra.telemetry.process import Telemetry
from publisher.dead_letters import replay
from publisher.resolve import Decision, resolve
from publisher.webhooks import replay_delivery
from schemas.domain.delivery import DeliveryState
from schemas.errors import Category, Charged, Failure
from tests.contract.test_deliveries import a_delivery
from tests.facade.doors import door_to, settings_for
from tests.facade.hand import hand_at
from tests.facade.test_operator import doubtful
from tests.telemetry.tracers import tracer_into

BROKE = Failure(category=Category.INTERNAL, code="broke", message="It broke.", charged=Charged.NO)


def _counted(reader: InMemoryMetricReader) -> dict[str, float]:
    data = reader.get_metrics_data()
    assert data
    metrics = [it for each in data.resource_metrics for scope in each.scope_metrics for it in scope.metrics]
    points = [point for it in metrics if it.name == "reelbus.decisions" for point in it.data.data_points]
    return {str((point.attributes or {})["reelbus.decision"]): point.value for point in points}  # type: ignore[union-attr]


async def test_each_decision_is_counted_by_its_word(tmp_path: Path) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    telemetry = Telemetry(tracer_into([]), provider.get_meter("tests"), is_worker=False)
    async with door_to(settings_for(tmp_path)) as door, hand_at(door.desk) as hand:
        ctx = replace(door.desk, telemetry=telemetry)
        failed = await door.queued()
        await hand.fail(failed, BROKE)
        await replay(ctx, failed)
        await replay(ctx, failed)  # it runs already: nothing was decided
        await resolve(ctx, await doubtful(door, hand), Decision.CHARGED)
        assert ctx.deliveries
        ended = a_delivery("j1", state=DeliveryState.FAILED, next_at=None, tries=10)
        stored = await ctx.deliveries.create(ended)
        await replay_delivery(ctx, stored.delivery_id, jobs_of=None)
    assert _counted(reader) == {"replay": 1, "charged": 1, "replay_webhook": 1}
    provider.shutdown()
