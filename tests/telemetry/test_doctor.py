"""`reelbus doctor` on telemetry: its libraries, and whether a collector accepts connections."""

import socket
from collections.abc import Iterator

import pytest

from infra.telemetry import doctor
from infra.telemetry.doctor import examine_collector, examine_telemetry
from infra.telemetry.opening import ENDPOINT
from schemas.ports.findings import Verdict


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", ENDPOINT):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def collector() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_collector_that_listens_is_right(collector: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT, collector)
    (finding,) = examine_telemetry(0)
    assert (finding.verdict, finding.name) == (Verdict.OK, collector)


def test_a_collector_that_is_away_is_found_and_its_password_is_not_shown() -> None:
    finding = examine_collector("http://user:secret@127.0.0.1:9")
    assert (finding.verdict, finding.name) == (Verdict.WRONG, "http://127.0.0.1:9")
    assert "secret" not in finding.words + finding.remedy
    assert ENDPOINT in finding.remedy


@pytest.mark.parametrize("address", ["localhost:4318", "grpc://collector:4317", "http://", "http://collector:99999"])
def test_an_address_of_no_collector_is_found(address: str) -> None:
    finding = examine_collector(address)
    assert (finding.verdict, "must be an address such as" in finding.words) == (Verdict.WRONG, True)


def test_behind_a_proxy_nothing_is_known(collector: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
    assert examine_collector(collector).verdict is Verdict.SKIPPED


def test_a_missing_library_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(examine_telemetry(9464)) == [], "the development environment has all"
    monkeypatch.setattr(doctor, "_SERVES", ("opentelemetry.sdk", "opentelemetry_none.exporter"))
    (finding,) = examine_telemetry(9464)
    assert finding.words == "opentelemetry_none.exporter can't be imported: no process starts"
    assert list(examine_telemetry(0)) == []
