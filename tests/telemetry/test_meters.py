"""The sums that a process keeps for its counters."""

from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from infra.telemetry.meters import Meters


def _points(reader: InMemoryMetricReader, name: str) -> list[Any]:
    data = reader.get_metrics_data()
    assert data
    metrics = [it for each in data.resource_metrics for scope in each.scope_metrics for it in scope.metrics]
    return [point for it in metrics if it.name == name for point in it.data.data_points]


def test_a_sum_has_one_series_for_its_attributes_in_any_order() -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    meters = Meters(provider.get_meter("tests"))
    meters.add("reelbus.spend", 0.5, {"gen_ai.request.model": "veo", "reelbus.charged": "yes"})
    assert [point.value for point in _points(reader, "reelbus.spend")] == [0.5]
    meters.add("reelbus.spend", 0.25, {"reelbus.charged": "yes", "gen_ai.request.model": "veo"})
    meters.add("reelbus.spend", 2.0, {"reelbus.charged": "unknown", "gen_ai.request.model": "veo"})
    found = {point.attributes["reelbus.charged"]: point.value for point in _points(reader, "reelbus.spend")}
    assert found == {"yes": 0.75, "unknown": 2.0}
    provider.shutdown()


def test_an_updown_counter_falls_again() -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    meters = Meters(provider.get_meter("tests"))
    for amount in (1, 1, -1):
        meters.add("http.server.active_requests", amount, {"http.request.method": "POST"})
    assert [point.value for point in _points(reader, "http.server.active_requests")] == [1]
    provider.shutdown()
