"""The instruments of the catalogue."""

import threading
from collections.abc import Callable, Iterable
from typing import Any

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from infra.telemetry.catalogue import METRICS, Metric
from infra.telemetry.spans import Attributes

Observe = Callable[[], Iterable[tuple[float, Attributes]]]
"""Returns the present values of an observed metric."""


class Meters:
    """The instruments of one process."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._sums = {
            name: _Sum(meter, name, row) for name, row in METRICS.items() if row.kind in ("counter", "updown")
        }
        self._histograms = {
            name: meter.create_histogram(name, row.unit, row.means, explicit_bucket_boundaries_advisory=row.buckets)
            for name, row in METRICS.items()
            if row.kind == "histogram"
        }

    def add(self, name: str, amount: float, attributes: Attributes | None = None) -> None:
        """Add to a counter."""
        self._sums[name].add(amount, attributes or {})

    def record(self, name: str, value: float, attributes: Attributes | None = None) -> None:
        """Record a value in a histogram."""
        self._histograms[name].record(value, attributes)

    def observe(self, name: str, values: Observe) -> None:
        """Export what `values` returns, whenever metrics are exported. It is called in another thread."""
        row = METRICS[name]

        def callback(_: CallbackOptions) -> Iterable[Observation]:
            return [Observation(value, attributes) for value, attributes in values()]

        create = (
            self._meter.create_observable_gauge if row.unit == "1" else self._meter.create_observable_up_down_counter
        )
        create(name, [callback], unit=row.unit, description=row.means)


class _Sum:
    """The sums of a counter, which the SDK reads when it exports. An addition by the SDK itself takes more CPU."""

    def __init__(self, meter: Meter, name: str, row: Metric) -> None:
        self._sums: dict[tuple[tuple[str, Any], ...], float] = {}
        self._lock = threading.Lock()
        is_counter = row.kind == "counter"
        create = meter.create_observable_counter if is_counter else meter.create_observable_up_down_counter
        create(name, [self._observe], row.unit, row.means)

    def add(self, amount: float, attributes: Attributes) -> None:
        """Add to the sum of these attributes. The order of the attributes does not matter."""
        key = tuple(sorted(attributes.items()))
        with self._lock:
            self._sums[key] = self._sums.get(key, 0) + amount

    def _observe(self, _: CallbackOptions) -> Iterable[Observation]:
        """Return the sums. The SDK calls this in a thread of its own."""
        with self._lock:
            sums = tuple(self._sums.items())
        return [Observation(total, dict(key)) for key, total in sums]
