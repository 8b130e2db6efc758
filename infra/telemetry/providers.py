"""OpenTelemetry's SDK for one process: exporters in threads of their own, with bounded queues.

A collector that hangs delays no job: spans beyond the queue are dropped, and the last flush is given up after a second.
"""

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING

from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from infra.telemetry.spans import Span, Tracer
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
        # The environment says which sampler; no span of the provider's own is made.
        self._tracing = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._take_span: Callable[[Span], None] | None = None
        if sends:
            readers.append(self._send(resource))
        if metrics_port:
            readers.append(_serve(host, metrics_port))
        # The spans of this process are not in the SDK's context, where exemplars would look for them.
        no_exemplars = AlwaysOffExemplarFilter()
        self._metering = MeterProvider(readers, resource, shutdown_on_exit=False, exemplar_filter=no_exemplars)

    @property
    def tracer(self) -> Tracer:
        """Makes the spans."""
        return Tracer(self._tracing.sampler, self._tracing.id_generator, self._take_span)

    @property
    def meter(self) -> Meter:
        """Makes the instruments."""
        return self._metering.get_meter("reelbus")

    def stop(self, within_s: float) -> None:
        """Send what is left, and stop. Return after that time at most."""
        stopping = [threading.Thread(target=it.shutdown, daemon=True) for it in (self._tracing, self._metering)]
        for thread in stopping:
            thread.start()
        until = time.monotonic() + within_s
        for thread in stopping:
            thread.join(max(0.0, until - time.monotonic()))

    def _send(self, resource: Resource) -> MetricReader:
        from infra.telemetry.exporters import Failures, MetricExporter, SpanExporter

        failures, session = Failures(), _google_session()
        batches = BatchSpanProcessor(SpanExporter(failures, session, resource))
        self._tracing.add_span_processor(batches)  # to be stopped with it
        self._take_span = batches.on_end  # type: ignore[assignment]  # for its exporter
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
