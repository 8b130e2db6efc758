"""Looks at the telemetry that the environment asks for: its libraries, and the collector. Nothing is sent."""

import os
import socket
from collections.abc import Iterator
from importlib.util import find_spec
from urllib.parse import urlsplit

from infra.look import one_line
from infra.telemetry.opening import ENDPOINT, has_collector
from schemas.ports.findings import Finding

_INSTALL = "scripts/bootstrap gcp, or install the extras otel and prometheus"
_CONNECT_S = 5.0
_PROXIES = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")
_SENDS = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
_SERVES = ("opentelemetry.sdk", "prometheus_client", "opentelemetry.exporter.prometheus")


def examine_telemetry(metrics_port: int) -> Iterator[Finding]:
    """Look at what `open_telemetry` needs. It stops the start of a process if a library is missing."""
    wanted = dict.fromkeys((*(_SENDS if has_collector() else ()), *(_SERVES if metrics_port else ())))
    missing = [name for name in wanted if not _is_installed(name)]
    if missing:
        words = f"{' and '.join(missing)} can't be imported: no process starts"
        yield Finding.wrong("telemetry", "libraries", words, _INSTALL)
    if has_collector():
        yield examine_collector(os.environ[ENDPOINT])


def examine_collector(address: str) -> Finding:
    """Open a connection to the collector, and close it."""
    server = urlsplit(address)
    remedy = f"start the collector, or correct {ENDPOINT}; jobs run without it"
    try:
        port = server.port or (443 if server.scheme == "https" else 80)
    except ValueError:
        port = 0
    if server.scheme not in ("http", "https") or not server.hostname or not port:
        words = f"must be an address such as http://localhost:4318, not {address[:100]!r}"
        return Finding.wrong("telemetry", ENDPOINT, words, f"correct {ENDPOINT}")
    shown = f"{server.scheme}://{server.hostname}:{port}"  # an address may hold a password
    if any(os.environ.get(name) for name in _PROXIES):
        return Finding.skip("telemetry", shown, "is reached by a proxy")
    try:
        socket.create_connection((server.hostname, port), timeout=_CONNECT_S).close()
    except OSError as error:
        words = f"no collector accepts connections: {one_line(error)}; spans and metrics are lost"
        return Finding.wrong("telemetry", shown, words, remedy)
    return Finding.ok("telemetry", shown, "a collector accepts connections")


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # a package above it is missing
        return False
