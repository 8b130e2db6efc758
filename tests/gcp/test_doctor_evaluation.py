"""`reelbus doctor` on the evaluator: its settings, its subscription and topic, and the service that scores."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import ClassVar

import pytest

from infra.gcp.doctor.account import Account
from infra.gcp.doctor.evaluation import ask_google, examine_evaluation, is_private
from infra.gcp.vertex.operations import Location
from schemas.ports.findings import Verdict
from tests.evaluation.service import open_service

ADDRESS = "vertex://acme/europe-west4"


class _Locations(BaseHTTPRequestHandler):
    """Google's answers about locations."""

    known: ClassVar = {"europe-west4": 200, "forbidden1": 403, "busy1": 503, "expired1": 401}

    def do_GET(self) -> None:
        status = self.known.get(self.path.rpartition("/")[2], 404)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b'{"error": {"message": "the API is disabled"}}' if status == 403 else b"{}")

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@pytest.fixture
def google() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Locations) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("place", "verdict", "words", "remedy"),
    [
        ("europe-west4", Verdict.OK, "Vertex AI is there", ""),
        ("mars-north1", Verdict.WRONG, "has no such location", "vertex://acme/europe-west4"),
        ("forbidden1", Verdict.WRONG, "the API is disabled", "gcloud services enable aiplatform.googleapis.com"),
        ("expired1", Verdict.WRONG, "does not accept the credentials", "gcloud auth application-default login"),
        ("busy1", Verdict.SKIPPED, "Google answered 503", ""),
    ],
)
def test_google_is_asked_for_the_location(google: str, place: str, verdict: Verdict, words: str, remedy: str) -> None:
    finding = ask_google(Location(project="acme", location=place), google, Account())
    assert (finding.verdict, words in finding.words, remedy in finding.remedy) == (verdict, True, True)


def test_a_network_without_google_is_a_line() -> None:
    finding = ask_google(Location(project="acme", location="europe-west4"), "http://127.0.0.1:9", Account())
    assert (finding.verdict, "does not answer in europe-west4" in finding.words) == (Verdict.WRONG, True)


async def test_a_service_of_ones_own_is_called_by_nothing() -> None:
    async with open_service() as service:
        (finding,) = examine_evaluation(ADDRESS, service.url, Account())
        assert (finding.verdict, finding.words) == (Verdict.OK, "accepts connections")
        assert service.calls == [], "each call is paid"


@pytest.mark.parametrize(
    ("base_url", "words"),
    [
        ("http://127.0.0.1:9", "nothing accepts connections there"),
        ("ftp://scores", "must be https://host"),
        ("https://scores/v1", "must be https://host"),
    ],
)
def test_an_address_of_no_service_is_found(base_url: str, words: str) -> None:
    (finding,) = examine_evaluation(ADDRESS, base_url, Account())
    assert (finding.verdict, words in finding.words) == (Verdict.WRONG, True)
    assert "REELBUS_EVALUATION_BASE_URL" in finding.remedy


def test_a_token_is_sent_to_google_only() -> None:
    assert [is_private(url) for url in ("", "https://scores", "http://scores")] == [False, False, True]
