"""Pushes of Pub/Sub: tokens signed here, and a certificate that a local server hands out."""

import asyncio
import base64
import json
import time
from typing import Any

import pytest

from reelbus_client import Inbox
from reelbus_client.push import PushEndpoint, PushVerifier
from tests.facade.certs import CertServer, Signer, a_signer, certs, google
from tests.python_client.test_completions import a_message

__all__ = ["certs", "google"]

AUDIENCE = "https://my-team.example.com"
ACCOUNT = "pusher@my-project.iam.gserviceaccount.com"


class Endpoint:
    """What a team's endpoint does, and what it handled."""

    def __init__(self, certs_url: str) -> None:
        self.handled: list[str | None] = []
        inbox = Inbox(lambda completion: self.handled.append(completion.job_id))
        self._endpoint = PushEndpoint(PushVerifier(AUDIENCE, ACCOUNT, certs_url=certs_url), inbox)

    async def push(self, authorization: str, body: bytes | None = None) -> int:
        given = envelope(*a_message()) if body is None else body
        return await asyncio.to_thread(self._endpoint.receive, authorization, given)


@pytest.fixture
def endpoint(certs: CertServer) -> Endpoint:
    return Endpoint(certs.url)


def envelope(data: bytes, attributes: dict[str, str]) -> bytes:
    """As Pub/Sub wraps what it pushes."""
    message = {"data": base64.b64encode(data).decode(), "attributes": attributes}
    return json.dumps({"message": message, "subscription": "mine"}).encode()


def bearer(google: Signer, **changes: Any) -> str:
    return f"Bearer {google.token(**{'aud': AUDIENCE, 'email': ACCOUNT, **changes})}"


async def test_a_completion_is_taken_once(endpoint: Endpoint, google: Signer, certs: CertServer) -> None:
    token = bearer(google)
    jobs = ("job-1", "job-1", "job-2")
    assert [await endpoint.push(token, envelope(*a_message(job))) for job in jobs] == [204] * 3
    assert endpoint.handled == ["job-1", "job-2"]
    assert await endpoint.push(token, envelope(b"{}", {})) == 503, "what can't be read is kept"
    assert certs.asked == 1, "the certificates are kept"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"aud": "https://other-team.example.com"}, 401),
        ({"iss": "https://accounts.example.com"}, 401),
        ({"iss": None}, 401),
        ({"exp": int(time.time()) - 60}, 401),
        ({"exp": None}, 401),
        ({"email": "robot@other-project.iam.gserviceaccount.com"}, 403),
        ({"email": None}, 403),
        ({"email_verified": False}, 403),
        ({"email_verified": None}, 403),
    ],
)
async def test_another_caller_is_refused(
    endpoint: Endpoint, google: Signer, changes: dict[str, Any], status: int
) -> None:
    assert await endpoint.push(bearer(google, **changes)) == status
    assert endpoint.handled == []


async def test_what_is_no_token_is_refused(endpoint: Endpoint, google: Signer) -> None:
    head, claims, signature = bearer(google).removeprefix("Bearer ").split(".")
    for token in ("", "..", f"eyJhbGciOiJub25lIn0.{claims}.", f"{head}.{claims}.{signature[::-1]}", "W" * 20_000):
        assert await endpoint.push(f"Bearer {token}") == 401
    assert await endpoint.push(bearer(a_signer("today"))) == 401
    assert await endpoint.push(bearer(google).replace("Bearer", "Basic")) == 401
    assert endpoint.handled == []


@pytest.mark.parametrize("body", [b"", b"[]", b'{"message": []}', b'{"message": {"data": "a"}}', b"[" * 100_000])
async def test_what_is_no_message_is_refused(endpoint: Endpoint, google: Signer, body: bytes) -> None:
    assert await endpoint.push(bearer(google), body) == 400


async def test_certificates_out_of_reach_are_asked_for_again(
    endpoint: Endpoint, google: Signer, certs: CertServer
) -> None:
    certs.broken = True
    assert await endpoint.push(bearer(google)) == 503
    certs.broken = False
    assert await endpoint.push(bearer(google)) == 204
    assert await Endpoint("http://127.0.0.1:1").push(bearer(google)) == 503
