"""What the documents say that the image has: telemetry, manifests, timelines, captions, agents, the evaluator."""

import json
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.container.box import Box
from tests.container.services import killed_at_the_end, serving, stop
from tests.support.ports import free_port
from tests.support.signing import make_signer
from tests.telemetry.otlp import Collector, collecting

pytestmark = pytest.mark.timeout(400)
BUSY = ("planned", "rendering", "joining")
FILM = {
    "film_id": "spring",
    "defaults": {"duration_seconds": 2, "quality": "fast"},
    "scenes": [
        {"name": "one", "scene": {"visual": "A garden in the morning light", "script": "春が来た。 ฤดูใบไม้ผลิ"}},
        {"name": "two", "prompt": "A red bicycle turns slowly on white"},
    ],
    "titles": [{"before": "one", "text": "Spring, ربيع", "seconds": 2}],
    "captions": {"from": "script", "sidecar": ["vtt", "srt"], "burn_in": True},
    "outputs": ["mp4", "otio", "edl", "fcpxml"],
}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module")
def ports() -> tuple[str, str]:
    """Of facade and worker, for Prometheus."""
    return str(free_port()), str(free_port())


@pytest.fixture(scope="module")
def film(box: Box, collector: Collector, ports: tuple[str, str]) -> Iterator[dict[str, Any]]:
    """An ended film, while the services run that made it."""
    with serving(box, metrics_ports=ports, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url) as url:
        ordered = httpx.post(f"{url}/api/films", json=FILM, timeout=60)
        assert ordered.is_success, ordered.text
        deadline = time.monotonic() + 300
        while (found := httpx.get(f"{url}/api/films/spring", timeout=60).json())["state"] in BUSY:
            assert time.monotonic() < deadline, found
            time.sleep(0.2)
        yield found


def test_a_film_has_cards_captions_and_timelines(film: dict[str, Any]) -> None:
    assert film["state"] == "succeeded"
    assert {file["kind"] for file in film["files"]} == {"vtt", "srt", "otio", "edl", "fcpxml"}


def test_metrics_are_served_to_prometheus(film: dict[str, Any], ports: tuple[str, str]) -> None:
    facade, worker = (httpx.get(f"http://127.0.0.1:{port}/metrics").text for port in ports)
    assert "http_server_request_duration_seconds_count{" in facade
    assert "reelbus_jobs_total{" in worker


def test_telemetry_is_sent(film: dict[str, Any], collector: Collector) -> None:
    deadline = time.monotonic() + 60
    while not {"put", "assemble"} <= {span.name for span in collector.spans}:
        assert time.monotonic() < deadline, {span.name for span in collector.spans}
        time.sleep(0.1)


def test_doctor_signs_with_a_certificate(box: Box) -> None:
    signer = make_signer()
    certificate = {"REELBUS_C2PA_CERTIFICATE": signer.chain, "REELBUS_C2PA_KEY": signer.key}
    said = json.loads(box.run("reelbus", "doctor", "--json", REELBUS_OPEN_TO_ALL="1", **certificate).stdout)
    [finding] = [finding for finding in said["findings"] if finding["kind"] == "provenance"]
    assert finding["verdict"] in ("ok", "note"), finding


def test_the_evaluator_starts_and_stops(box: Box) -> None:
    address = {"REELBUS_EVALUATION": "vertex://acme/europe-west4", "REELBUS_EVALUATION_BASE_URL": "http://127.0.0.1:9"}
    evaluator = box.start("evaluator", **address)
    with killed_at_the_end(evaluator):
        assert evaluator.stderr
        while b"evaluator: ready" not in (line := evaluator.stderr.readline()):
            assert line, "the evaluator has ended"
        assert stop(evaluator) == 0


def test_an_agent_is_answered(box: Box) -> None:
    server = subprocess.Popen(box.command("reelbus", "mcp"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
    asked = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}).encode() + b"\n"
    with killed_at_the_end(server):
        assert server.stdin
        assert server.stdout
        server.stdin.write(asked)
        server.stdin.flush()
        assert json.loads(server.stdout.readline())["result"]["serverInfo"]["name"] == "reelbus"


@pytest.mark.parametrize("command", ["evaluator", "mcp", "setup", "worker", "serve", "doctor", "film"])
def test_each_command_has_help(box: Box, command: str) -> None:
    assert "Usage: reelbus" in box.run("reelbus", command, "--help").stdout
