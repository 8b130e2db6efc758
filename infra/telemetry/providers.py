"""OpenTelemetry's SDK for one process: exporters in threads of their own, with bounded queues.

A collector that hangs delays no job: spans beyond the queue are dropped, and the last flush is given up after a second.
"""

import os
import secrets
import socket
import threading
from importlib.metadata import version
from typing import TYPE_CHECKING

from opentelemetry.metrics import Meter
from opentelemetry.sdk.environment_variables import OTEL_METRICS_EXEMPLAR_FILTER
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer

from schemas.errors import Invalid

if TYPE_CHECKING:
    from requests import Session

_GOOGLE = "https://telemetry.googleapis.com"


class Providers:
    """Makes tracers and meters, and stops their exporters at the end."""

    def __init__(self, service: str, *, sends: bool, host: str, metrics_port: int) -> None:
        """With `sends`, export to the collector; with a port, serve metrics to Prometheus. Raises `Invalid`."""
        resource = _resource_of(service)
        readers: list[MetricReader] = []
        self._tracing = TracerProvider(resource=resource, shutdown_on_exit=False)
        if sends:
            readers.append(self._send())
        if metrics_port:
            readers.append(_serve(host, metrics_port))
        # With exemplars a histogram keeps the span of some values, which costs each record; no dashboard reads them.
        exemplars = None if OTEL_METRICS_EXEMPLAR_FILTER in os.environ else AlwaysOffExemplarFilter()
        self._metering = MeterProvider(readers, resource, shutdown_on_exit=False, exemplar_filter=exemplars)

    @property
    def tracer(self) -> Tracer:
        """Makes the spans."""
        return self._tracing.get_tracer("reelbus")

    @property
    def meter(self) -> Meter:
        """Makes the instruments."""
        return self._metering.get_meter("reelbus")

    def stop(self, within_s: float) -> None:
        """Send what is left, and stop. Return after that time at most."""
        stopping = [threading.Thread(target=it.shutdown, daemon=True) for it in (self._tracing, self._metering)]
        for thread in stopping:
            thread.start()
        for thread in stopping:
            thread.join(within_s / len(stopping))

    def _send(self) -> MetricReader:
        from infra.telemetry.exporters import Failures, MetricExporter, SpanExporter

        failures, session = Failures(), _google_session()
        self._tracing.add_span_processor(BatchSpanProcessor(SpanExporter(failures, session)))
        return PeriodicExportingMetricReader(MetricExporter(failures, session))


class _Resource(Resource):
    """A resource that computes its hash once: the exporter hashes the resource of each span, by its JSON text."""

    def __init__(self, resource: Resource) -> None:
        super().__init__(resource.attributes, resource.schema_url)
        self._hash = super().__hash__()

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or super().__eq__(other)


def _resource_of(service: str) -> Resource:
    """Return what is known of the process. OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME win."""
    own = {
        "service.namespace": "reelbus",
        "service.name": service,
        "service.version": version("reelbus"),
        "service.instance.id": f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}",
    }
    return _Resource(Resource.create({**own, **OTELResourceDetector().detect().attributes}))


def _google_session() -> "Session | None":
    """Return a session with the account's token if the collector is Google's own; None for any other collector."""
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").startswith(_GOOGLE):
        return None
    import google.auth
    from google.auth.transport.requests import AuthorizedSession

    credentials, _ = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])
    session: Session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
    return session


def _serve(host: str, port: int) -> MetricReader:
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from prometheus_client import start_http_server

    try:
        start_http_server(port, host)
    except OSError as error:
        words = f"REELBUS_METRICS_PORT: can't listen on {host} port {port}: {error.strerror}"
        raise Invalid(words, field="REELBUS_METRICS_PORT") from error
    return PrometheusMetricReader()
