"""The OTLP exporters, which log in our own way, and rarely, that a collector is out of reach.

The library logs an error for each try. Telemetry that is down is no error of the service, and must wake no person.
"""

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

if TYPE_CHECKING:
    from requests import Session

logger = logging.getLogger(__name__)

REPORT_EVERY_S = 60.0


class Failures:
    """Logs a failed export, once in `REPORT_EVERY_S`. It silences the library's own lines."""

    def __init__(self) -> None:
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._report_at = 0.0

    def note(self, signal: str) -> None:
        """Note that spans or metrics were not taken. The spans are lost; metrics are sums, and come with the next."""
        if time.monotonic() >= self._report_at:
            self._report_at = time.monotonic() + REPORT_EVERY_S
            logger.warning("telemetry could not be sent", extra={"action": "telemetry_unsent", "signal": signal})


class SpanExporter(OTLPSpanExporter):
    """Sends spans."""

    def __init__(self, failures: Failures, session: "Session | None") -> None:
        super().__init__(session=session)
        self._failures = failures

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch."""
        result: SpanExportResult = super().export(spans)
        if result is not SpanExportResult.SUCCESS:
            self._failures.note("traces")
        return result


class MetricExporter(OTLPMetricExporter):
    """Sends metrics."""

    def __init__(self, failures: Failures, session: "Session | None") -> None:
        super().__init__(session=session)
        self._failures = failures

    def export(
        self, metrics_data: MetricsData, timeout_millis: float | None = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        """Send the present values."""
        result: MetricExportResult = super().export(metrics_data, timeout_millis, **kwargs)
        if result is not MetricExportResult.SUCCESS:
            self._failures.note("metrics")
        return result
