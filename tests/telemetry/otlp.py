"""A collector: what processes send over OTLP and HTTP is kept in memory, for a test to look at."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

Attributes = Mapping[str, Any]
Series = tuple[str, str, frozenset[tuple[str, Any]]]
"""The instance of the process, the name of the metric, and its attributes."""


@dataclass
class Collector:
    """Everything that was sent to `url`."""

    url: str = ""
    spans: list[Any] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    values: dict[Series, float] = field(default_factory=dict)
    """The newest value of each series; of a histogram its count."""
    units: dict[str, str] = field(default_factory=dict)

    def take(self, path: str, body: bytes) -> None:
        self.bodies.append(body)
        if path == "/v1/traces":
            sent = ExportTraceServiceRequest.FromString(body)
            self.spans += [span for each in sent.resource_spans for scope in each.scope_spans for span in scope.spans]
            return
        for each in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            instance = attributes_of(each.resource)["service.instance.id"]
            for metric in (metric for scope in each.scope_metrics for metric in scope.metrics):
                self.units[metric.name] = metric.unit
                for point in getattr(metric, metric.WhichOneof("data")).data_points:
                    series = (instance, metric.name, frozenset(attributes_of(point).items()))
                    self.values[series] = _value_of(point)

    def total(self, name: str, **wanted: str) -> float:
        """The sum over all processes, of the series with these attributes; a dot in a name is written `__`."""
        attributes = {key.replace("__", "."): value for key, value in wanted.items()}.items()
        found = [value for (_, metric, has), value in list(self.values.items()) if metric == name and attributes <= has]
        return round(sum(found), 9)

    def by(self, name: str, attribute: str) -> dict[str, float]:
        """The sums by one attribute; those that are zero are left out."""
        values = {dict(has).get(attribute, "") for _, metric, has in list(self.values) if metric == name}
        sums = {value: self.total(name, **({attribute.replace(".", "__"): value} if value else {})) for value in values}
        return {value: total for value, total in sums.items() if total}


def attributes_of(holder: Any) -> dict[str, Any]:
    """The attributes of a span, a point or a resource."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in holder.attributes}


def _value_of(point: Any) -> float:
    if hasattr(point, "bucket_counts"):
        return float(point.count)
    return float(point.as_double or point.as_int)


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a port of this machine."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            collector.take(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Silence."""

    with _serving(Handler) as collector.url:
        yield collector


@dataclass
class Hanging:
    """A collector that answers nothing."""

    url: str = ""
    asked: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)


@contextmanager
def hanging() -> Iterator[Hanging]:
    """It takes every request, and lets it wait until the context ends."""
    collector = Hanging()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.asked.set()
            collector.over.wait()

        def log_message(self, *_: object) -> None:
            """Silence."""

    with _serving(Handler) as collector.url:
        try:
            yield collector
        finally:
            collector.over.set()


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
