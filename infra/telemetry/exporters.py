"""The OTLP exporters. They make the SDK's spans, and log rarely, in our own way, that a collector is out of reach.

The library logs an error for each try. Telemetry that is down is no error of the service, and must wake no person.
"""

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, Status, StatusCode

from infra.telemetry.spans import Span

if TYPE_CHECKING:
    from requests import Session

logger = logging.getLogger(__name__)

REPORT_EVERY_S = 60.0


_SCOPE = InstrumentationScope("reelbus")
_FAILED = Status(StatusCode.ERROR)


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

    def __init__(self, failures: Failures, session: "Session | None", resource: Resource) -> None:
        super().__init__(session=session)
        self._failures, self._resource = failures, resource

    def export(self, spans: Sequence[Span]) -> SpanExportResult:  # type: ignore[override]  # no span is the SDK's
        """Send a batch."""
        result: SpanExportResult = super().export([to_sdk(span, self._resource) for span in spans])
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


def to_sdk(span: Span, resource: Resource) -> ReadableSpan:
    """Return a span that has ended as the SDK's exporters take it."""
    return ReadableSpan(
        span.name,
        span.context,
        span.parent,
        resource,
        span.attributes,
        [Event(name, attributes, at_ns) for name, attributes, at_ns in span.events or ()],
        [Link(span.link)] if span.link else (),
        span.kind,
        status=_FAILED if span.error_type else Status(),
        start_time=span.began_ns,
        end_time=span.ended_ns,
        instrumentation_scope=_SCOPE,
    )
