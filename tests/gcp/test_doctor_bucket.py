"""What `reelbus doctor` says about a bucket, a project and credentials: Google's answers come from this machine."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
from google.auth.exceptions import RefreshError
from google.oauth2.credentials import Credentials

from infra.gcp.doctor.account import Account, examine_permissions, explain_missing, find_account
from infra.gcp.doctor.bucket import Files
from infra.gcp.settings import bucket_settings
from schemas.domain.object_names import FINALS, POSTERS
from schemas.ports.findings import Finding, Verdict
from tests.gcp.rest import SIGNED, Google, google

__all__ = ["google"]

HERE = frozenset({"us-central1"})
PUBLIC = {"bindings": [{"role": "roles/storage.objectViewer", "members": ["allUsers"]}]}
AGENT = "serviceAccount:service-1@gcp-sa-aiplatform.iam.gserviceaccount.com"
RULE = {"action": {"type": "Delete"}, "condition": {"age": 30, "matchesPrefix": ["work/"]}}


@pytest.fixture
def bucket(google: Google) -> Google:
    """A bucket as Terraform makes it, with public finals."""
    google.settings = {
        "name": "films",
        "location": "US-CENTRAL1",
        "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "inherited"},
        "lifecycle": {"rule": [RULE]},
    }
    google.policies = {
        "": {"bindings": [{"role": "roles/storage.objectUser", "members": [AGENT]}]},
        FINALS: PUBLIC,
        POSTERS: PUBLIC,
    }
    return google


def _examine(address: str = "gs://films", regions: frozenset[str] = HERE) -> list[Finding]:
    with Files(bucket_settings(urlsplit(address)), find_account()) as files:
        return list(files.examine(regions))


def _wrong(found: list[Finding]) -> list[tuple[str, str]]:
    assert all(finding.remedy for finding in found if finding.verdict is Verdict.WRONG)
    return [(finding.kind, finding.words) for finding in found if finding.verdict is Verdict.WRONG]


def test_a_bucket_that_is_right(bucket: Google) -> None:
    found = _examine()
    assert {finding.verdict for finding in found} == {Verdict.OK}
    assert [finding.kind for finding in found] == ["bucket", "place", "lifecycle", "links", "links"]


@pytest.mark.parametrize(
    ("place", "near"),
    [("US", True), ("NAM4", True), ("us-central1", True), ("EU", False), ("EUROPE-WEST4", False), ("EUR4", False)],
)
def test_its_place_is_compared_with_the_models(bucket: Google, place: str, near: bool) -> None:
    bucket.settings["location"] = place
    wrong = _wrong(_examine())
    assert [kind for kind, _ in wrong] == ([] if near else ["place"])
    assert _wrong(_examine(regions=frozenset())) == [], "models of `global` are in no place"


def test_a_dual_region_has_its_files_in_both(bucket: Google) -> None:
    bucket.settings |= {"location": "US", "customPlacementConfig": {"dataLocations": ["US-CENTRAL1", "US-WEST1"]}}
    assert _wrong(_examine()) == []


@pytest.mark.parametrize(
    ("settings", "kind", "words"),
    [
        ({"lifecycle": {}}, "lifecycle", "never expire"),
        (
            {"lifecycle": {"rule": [{"action": {"type": "Delete"}, "condition": {"age": 1}}]}},
            "lifecycle",
            "deleted after 1 days",
        ),
        ({"iamConfiguration": {"publicAccessPrevention": "inherited"}}, "bucket", "no uniform bucket-level access"),
        (
            {
                "iamConfiguration": {
                    "uniformBucketLevelAccess": {"enabled": True},
                    "publicAccessPrevention": "enforced",
                }
            },
            "links",
            "every link answers 403",
        ),
    ],
)
def test_what_is_set_wrongly(bucket: Google, settings: dict[str, Any], kind: str, words: str) -> None:
    bucket.settings |= settings
    ((found_kind, found_words),) = _wrong(_examine())
    assert (found_kind, words in found_words) == (kind, True)


def test_finals_must_be_public_and_nothing_else(bucket: Google) -> None:
    del bucket.policies[POSTERS]
    bucket.policies[FINALS] = {}
    assert [words for _, words in _wrong(_examine())] == [
        "is not public: its links answer 403",
        "is no managed folder: its links answer 403",
    ]
    bucket.policies = {"": PUBLIC, FINALS: PUBLIC, POSTERS: PUBLIC}
    ((kind, words),) = _wrong(_examine())
    assert (kind, "callers' clips and images are public" in words) == ("policy", True)


def test_a_place_that_may_not_be_read_is_no_error(bucket: Google) -> None:
    bucket.settings = {}
    found = _examine()
    assert _wrong(found) == []
    assert [finding.verdict for finding in found] == [Verdict.OK, Verdict.SKIPPED]


def test_a_bucket_that_is_missing_or_closed(bucket: Google) -> None:
    bucket.bucket = 404
    assert "there is no bucket films" in _wrong(_examine())[0][1]
    bucket.bucket, bucket.permissions = 200, set()
    assert "lack storage.objects.create" in _wrong(_examine())[0][1]


def test_a_signature_is_tried(bucket: Google) -> None:
    assert [finding.words for finding in _examine(SIGNED) if finding.kind == "signing"] == ["an address was signed"]
    bucket.signature = 403
    assert [kind for kind, _ in _wrong(_examine(SIGNED))] == ["signing"]
    assert "can't sign URLs" in _wrong(_examine("gs://films?urls=signed"))[0][1]


def test_credentials_that_google_refuses(google: Google) -> None:
    finding = explain_missing(RefreshError("invalid_grant: Token has been expired or revoked."))  # type: ignore[no-untyped-call]
    assert finding.verdict is Verdict.WRONG
    assert "expired or revoked" in finding.words


@pytest.fixture
def projects() -> Iterator[tuple[str, dict[str, Any]]]:
    """Google's list of projects on this machine: its address, and what it answers next."""
    answer: dict[str, Any] = {"status": 200, "body": {}, "date": None}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            data = json.dumps(answer["body"]).encode()
            self.send_response_only(answer["status"])
            self.send_header("date", answer["date"] or self.date_time_string())
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", answer
    server.shutdown()
    server.server_close()


def test_roles_on_the_project(projects: tuple[str, dict[str, Any]]) -> None:
    url, answer = projects
    account = Account(Credentials("token"))  # type: ignore[no-untyped-call]
    wanted = {"aiplatform.endpoints.predict": "roles/aiplatform.user", "datastore.entities.get": "roles/datastore.user"}

    def verdicts() -> list[tuple[str, Verdict]]:
        return [(finding.kind, finding.verdict) for finding in examine_permissions(account, "acme", wanted, url)]

    answer["body"] = {"permissions": list(wanted)}
    assert verdicts() == [("clock", Verdict.OK), ("role", Verdict.OK), ("role", Verdict.OK)]
    answer["body"] = {}
    assert verdicts() == [("clock", Verdict.OK), ("role", Verdict.WRONG), ("role", Verdict.NOTE)]
    answer |= {"status": 403, "date": "Thu, 01 Jan 2026 00:00:00 GMT"}
    assert verdicts() == [("clock", Verdict.WRONG), ("roles", Verdict.SKIPPED)]
