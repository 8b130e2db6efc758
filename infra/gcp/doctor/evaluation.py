"""Looks at the service that scores videos: its place, and whether something answers there.

No video is scored and no question is made: both cost money. Google is asked for the location, which is free:
https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations/get
"""

import socket
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import httpx

from infra.gcp.doctor.account import CALL_S, LOGIN, Account
from infra.gcp.settings import EVALUATION, place_in
from infra.gcp.vertex.client import endpoint_of
from infra.gcp.vertex.operations import Location
from infra.look import one_line
from schemas.ports.findings import Finding

DEFAULT_LOCATION = "us-central1"
_KIND = "evaluation"
_BASE_URL = "REELBUS_EVALUATION_BASE_URL"


def is_private(base_url: str) -> bool:
    """Return True for an address that is called without a token."""
    return base_url.startswith("http://")


def examine_evaluation(address: str, base_url: str, account: Account) -> Iterator[Finding]:
    """Look at the service of `vertex://project/location`, or at `base_url` instead of Google's address."""
    project, place = place_in(urlsplit(address), EVALUATION)
    server = urlsplit(base_url or "https://any")
    if server.scheme not in ("http", "https") or not server.hostname or server.path.strip("/"):
        words = f"must be https://host or https://host:port, not {base_url!r}"
        yield Finding.wrong("settings", _BASE_URL, words, f"correct {_BASE_URL}")
        return
    location = Location(project=project, location=place or DEFAULT_LOCATION)
    if is_private(base_url):
        yield _connect(base_url)
    else:
        yield ask_google(location, base_url, account)


def _connect(base_url: str) -> Finding:
    """Open a connection: the service speaks gRPC, and has no call that is free."""
    server = urlsplit(base_url)
    try:
        with socket.create_connection((server.hostname or "", server.port or 443), timeout=CALL_S):
            return Finding.ok(_KIND, base_url, "accepts connections")
    except (OSError, ValueError) as error:
        words = f"nothing accepts connections there: {one_line(error)}"
        return Finding.wrong(_KIND, base_url, words, f"start the service, or correct {_BASE_URL}")


def ask_google(location: Location, base_url: str, account: Account) -> Finding:
    """Ask Google whether Vertex AI is in the location for this project."""
    place, project = location.location, location.project
    base = base_url.rstrip("/") or endpoint_of(location)
    remedy = f"correct the location in {EVALUATION}, for example vertex://{project}/europe-west4"
    try:
        answer = account.call("GET", f"{base}/v1/projects/{project}/locations/{place}")
    except httpx.HTTPError as error:
        words = f"Vertex AI does not answer in {place}: {one_line(error)}"
        return Finding.wrong(_KIND, place, words, f"{remedy}; or check the network and the proxy")
    match answer.status_code:
        case 200:
            return Finding.ok(_KIND, place, f"Vertex AI is there for project {project}")
        case 400 | 404:
            return Finding.wrong(_KIND, place, f"Vertex AI has no such location for project {project}", remedy)
        case 401:
            return Finding.wrong(_KIND, place, "Google does not accept the credentials", LOGIN)
        case 403:
            words = f"Google refuses the question: {_message_of(answer)}"
            enable = f"gcloud services enable aiplatform.googleapis.com --project {project}"
            return Finding.wrong(_KIND, place, words, f"{enable}, and grant roles/aiplatform.user")
        case status:
            return Finding.skip(_KIND, place, f"Google answered {status}")


def _message_of(answer: httpx.Response) -> str:
    with suppress(ValueError, KeyError, TypeError):
        return one_line(ValueError(answer.json()["error"]["message"]))
    return str(answer.status_code)
