"""Opens the telemetry of one process, if the environment asks for it. OpenTelemetry is not loaded otherwise.

OTEL_EXPORTER_OTLP_ENDPOINT names a collector, and the other variables of OpenTelemetry hold. REELBUS_METRICS_PORT opens
an endpoint for Prometheus.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from schemas.errors import Invalid

if TYPE_CHECKING:
    from infra.telemetry.process import Telemetry

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


FLUSH_S = 1.0
"""Within the time that a platform leaves after SIGTERM, beside the drain: Cloud Run's 10 s, less REELBUS_DRAIN_S."""


def has_collector() -> bool:
    """Return True if the environment names a collector, and does not switch OpenTelemetry off."""
    return bool(os.environ.get(ENDPOINT)) and not _is_disabled()


def _is_disabled() -> bool:
    return os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"


@contextmanager
def open_telemetry(
    service: str, *, host: str, metrics_port: int, flush_s: float = FLUSH_S
) -> Iterator["Telemetry | None"]:
    """Yield the telemetry of this service, or None. At the end of the context send what is left, for `flush_s` at most.

    Raises `Invalid` if the libraries are not installed or the port is taken.
    """
    if not (has_collector() or (metrics_port and not _is_disabled())):
        yield None
        return
    with _require_libraries():
        from infra.telemetry.process import Telemetry
        from infra.telemetry.providers import Providers

        providers = Providers(service, sends=has_collector(), host=host, metrics_port=metrics_port)
    try:
        yield Telemetry(providers.tracer, providers.meter, is_worker=service == "worker")
    finally:
        providers.stop(flush_s)


@contextmanager
def _require_libraries() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith(("opentelemetry", "prometheus_client")):
            raise
        words = f"{error.name} is not installed: run scripts/bootstrap gcp, or install the extras otel and prometheus"
        raise Invalid(words, field=ENDPOINT) from error
