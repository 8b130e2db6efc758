"""The push endpoint: tokens signed here, a certificate that a local server hands out, and Google's emulator pushing.

The emulator signs nothing, so that a forwarder in front of the endpoint shows the token, as Pub/Sub itself would.
"""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from schemas.wire.message import Message
from tests.examples.forwarder import forwarder, pushing
from tests.examples.guide import command
from tests.examples.programs import Place, Program
from tests.examples.test_inbox import a_message
from tests.facade.certs import CertServer, Signer, a_signer
from tests.gcp.emulated import Project

AUDIENCE = "https://my-team.example.com"
ACCOUNT = "pusher@my-project.iam.gserviceaccount.com"
SERVE = command("uvicorn").replace("8080", "0")
OTHERS = "robot@other-project.iam.gserviceaccount.com"


class Endpoint:
    """The program, and a way to push to it."""

    def __init__(self, program: Program, client: httpx.AsyncClient) -> None:
        self.program = program
        self.client = client

    async def push(self, token: str, message: Message | None = None) -> int:
        """The status for a message that is pushed."""
        headers = {"Authorization": f"Bearer {token}"}
        answer = await self.client.post("/", content=envelope(message or a_message()), headers=headers)
        return answer.status_code


@pytest.fixture
async def endpoint(here: Place, certs: CertServer) -> AsyncIterator[Endpoint]:
    place = here.export(PUSH_AUDIENCE=AUDIENCE, PUSH_ACCOUNT=ACCOUNT, PUSH_CERTS_URL=certs.url)
    async with place.running(SERVE) as program:
        found = await program.until(r"running on (http://\S+)")
        async with httpx.AsyncClient(base_url=found[1], timeout=60) as client:
            yield Endpoint(program, client)


def envelope(message: Message) -> bytes:
    """As Pub/Sub wraps what it pushes."""
    data = base64.b64encode(message.data).decode()
    attributes = dict(message.attributes)
    return json.dumps({"message": {"data": data, "attributes": attributes}, "subscription": "mine"}).encode()


def token_of(google: Signer, **changes: Any) -> str:
    return google.token(**{"aud": AUDIENCE, "email": ACCOUNT, **changes})


async def test_a_completion_is_taken_once(endpoint: Endpoint, google: Signer, certs: CertServer) -> None:
    token = token_of(google)
    assert [await endpoint.push(token, a_message(job)) for job in ("job-1", "job-1", "job-2")] == [204] * 3
    await endpoint.program.until("job-2 succeeded")
    assert endpoint.program.said.count("job-1 succeeded") == 1
    assert await endpoint.push(token, Message(data=b"{}")) == 503, "what can't be read is kept"
    assert certs.asked == 1, "the certificates are kept"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"aud": "https://other-team.example.com"}, 401),
        ({"iss": "https://accounts.example.com"}, 401),
        ({"iss": None}, 401),
        ({"exp": int(time.time()) - 60}, 401),
        ({"exp": None}, 401),
        ({"email": OTHERS}, 403),
        ({"email": None}, 403),
        ({"email_verified": False}, 403),
        ({"email_verified": None}, 403),
    ],
)
async def test_nobody_else_is_let_in(endpoint: Endpoint, google: Signer, changes: dict[str, Any], status: int) -> None:
    assert await endpoint.push(token_of(google, **changes)) == status
    assert await endpoint.push(token_of(google)) == 204
    await endpoint.program.until("job-1 succeeded")


async def test_what_is_no_token_at_all(endpoint: Endpoint, google: Signer) -> None:
    head, claims, signature = token_of(google).split(".")
    unsigned = "eyJhbGciOiJub25lIn0"
    deep = "W" * 20_000
    for token in ("..", f"{unsigned}.{claims}.", f"{head}.{claims}.{signature[::-1]}", f"{deep}.{deep}.a"):
        assert await endpoint.push(token) == 401
    assert await endpoint.push(token_of(a_signer("today"))) == 401
    bare = await endpoint.client.post("/", content=envelope(a_message()))
    basic = {"Authorization": f"Basic {token_of(google)}"}
    assert bare.status_code == 401
    assert (await endpoint.client.post("/", content=envelope(a_message()), headers=basic)).status_code == 401
    await endpoint.program.stop()
    assert "Application shutdown complete" in endpoint.program.said
    assert "succeeded" not in endpoint.program.said


@pytest.mark.parametrize("body", [b"", b"[]", b'{"message": []}', b'{"message": {"data": "a"}}', b"[" * 100_000])
async def test_what_is_no_message_of_pubsub(endpoint: Endpoint, google: Signer, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {token_of(google)}"}
    assert (await endpoint.client.post("/", content=body, headers=headers)).status_code == 400


async def test_certificates_out_of_reach_let_nobody_in_and_are_asked_for_again(
    endpoint: Endpoint, google: Signer, certs: CertServer
) -> None:
    certs.broken = True
    assert await endpoint.push(token_of(google)) == 503
    certs.broken = False
    assert await endpoint.push(token_of(google)) == 204


@pytest.mark.emulator
@pytest.mark.timeout(300)
async def test_the_emulator_pushes_until_it_is_let_in(endpoint: Endpoint, google: Signer, project: Project) -> None:
    tokens = iter([token_of(google, aud="https://other-team.example.com")])
    async with forwarder(endpoint.client, lambda: next(tokens, token_of(google))) as (url, statuses):
        with pushing(project, url) as publish:
            await asyncio.to_thread(publish, a_message("job-1"))
            assert [await statuses.get(), await statuses.get()] == [401, 204]
            for job_id in ("job-1", "job-2"):
                await asyncio.to_thread(publish, a_message(job_id))
                assert await statuses.get() == 204
        await endpoint.program.until("job-2 succeeded")
    assert endpoint.program.said.count("job-1 succeeded") == 1
