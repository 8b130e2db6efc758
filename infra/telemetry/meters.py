"""The instruments of the catalogue."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from infra.telemetry.catalogue import METRICS, Metric
from infra.telemetry.spans import NONE, Attributes

KEPT_AT_MOST = 512
"""Additions that are kept before they are counted."""
Observe = Callable[[], Iterable[tuple[float, Attributes]]]
"""Returns the present values of an observed metric."""


class Meters:
    """The instruments of one process.

    What is added and recorded is kept, and counted in batches: the SDK's instruments take several times the CPU when
    they are called one by one between other work.
    """

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._kept: deque[tuple[Callable[[float, Attributes], None], float, Attributes]] = deque()
        self._counting = threading.Lock()
        self._instruments: dict[str, Callable[[float, Attributes], None]] = {}
        for name, row in METRICS.items():
            if row.kind in ("counter", "updown"):
                self._instruments[name] = _Sum(meter, name, row, before=self._count).add
            elif row.kind == "histogram":
                self._instruments[name] = meter.create_histogram(
                    name, row.unit, row.means, explicit_bucket_boundaries_advisory=row.buckets
                ).record

    def add(self, name: str, amount: float, attributes: Attributes = NONE) -> None:
        """Add to a counter, or record a value in a histogram. The attributes must not change later."""
        self._kept.append((self._instruments[name], amount, attributes))
        if len(self._kept) >= KEPT_AT_MOST:
            self._count()

    def _count(self) -> None:
        """Count what was kept. The SDK calls this before it exports, in a thread of its own."""
        with self._counting:
            while self._kept:
                add, amount, attributes = self._kept.popleft()
                add(amount, attributes)

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

    def __init__(self, meter: Meter, name: str, row: Metric, *, before: Callable[[], None]) -> None:
        """Call `before` before the sums are read."""
        self._sums: dict[frozenset[tuple[str, Any]], float] = {}
        self._before, self._lock = before, threading.Lock()
        is_counter = row.kind == "counter"
        create = meter.create_observable_counter if is_counter else meter.create_observable_up_down_counter
        create(name, [self._observe], row.unit, row.means)

    def add(self, amount: float, attributes: Attributes) -> None:
        """Add to the sum of these attributes. The order of the attributes does not matter."""
        key = frozenset(attributes.items())
        with self._lock:
            self._sums[key] = self._sums.get(key, 0) + amount

    def _observe(self, _: CallbackOptions) -> Iterable[Observation]:
        """Return the sums. The SDK calls this in a thread of its own."""
        self._before()
        with self._lock:
            sums = tuple(self._sums.items())
        return [Observation(total, dict(key)) for key, total in sums]
