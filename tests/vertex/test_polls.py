"""The polls are built by us: they ask what the client library would ask, and what they bring is read as it reads it."""

import json
import re
from contextlib import nullcontext
from typing import Any

import google.auth
import httpx
import pytest
from google.oauth2.credentials import Credentials

from infra.gcp.vertex import adapter, omni, veo
from infra.gcp.vertex.client import Clients, endpoint_of
from infra.gcp.vertex.operations import Location, Operation
from infra.paid.transport import PaidTransport
from schemas.errors import Unavailable
from schemas.ports import GenerationRunning
from tests.vertex.rig import OMNI, VEO, Rig, a_request
from tests.vertex.script import Ending, Step

MODELS = (VEO, OMNI)
LOCATIONS = ("us-central1", "europe-west4", "global", "eu", "us")
_OF_THE_CONNECTION = {"host", "accept", "accept-encoding", "connection", "content-length"}
_OF_THE_LIBRARY = {"user-agent", "x-goog-api-client", "x-server-timeout"}


def _operation(model: str, location: str) -> Operation:
    place = f"projects/acme/locations/{location}"
    if model == VEO:
        return Operation.parse(f"veo:{place}/publishers/google/models/{VEO}/operations/b5f0-1")
    return Operation.parse(f"omni:{place}/interactions/v1_Ch0-x_2")


async def _send_with_library(client: Any, operation: Operation) -> None:
    family = veo if operation.family == "veo" else omni
    await family.read_answer(client, operation, ())


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("location", LOCATIONS)
@pytest.mark.parametrize("base_url", ["", "https://gateway.test/vertex/"])
async def test_a_poll_is_what_the_library_would_send(
    monkeypatch: pytest.MonkeyPatch, model: str, location: str, base_url: str
) -> None:
    credentials = Credentials("secret", quota_project_id="payer")  # type: ignore[no-untyped-call]
    monkeypatch.setattr(google.auth, "default", lambda **_: (credentials, "acme"))
    sent: list[httpx.Request] = []

    async def note(_: PaidTransport, request: httpx.Request) -> bytes:
        sent.append(request)
        return b'{"status": "in_progress"}'

    async def note_library(_: PaidTransport, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=json.loads(await note(_, request)), request=request)

    monkeypatch.setattr(PaidTransport, "poll", note)
    monkeypatch.setattr(PaidTransport, "handle_async_request", note_library)
    operation = _operation(model, location)
    clients = Clients(base_url=base_url)
    await clients.poll(operation, (veo if model == VEO else omni).poll_request)
    await _send_with_library(await clients.at(operation.location), operation)
    await clients.aclose()
    ours, written = map(_facts, sent)
    assert ours == written


def _facts(request: httpx.Request) -> tuple[str, str, dict[str, str], Any]:
    """What a server reads of a poll. `stream=false` is the default; a GET has no content that a type could describe."""
    skipped = _OF_THE_CONNECTION | _OF_THE_LIBRARY | ({"content-type"} if request.method == "GET" else set())
    headers = {name: value for name, value in request.headers.items() if name not in skipped}
    url = re.sub(r"\?stream=false$", "", str(request.url))
    return request.method, url, headers, json.loads(request.content or b"null")


async def test_the_library_s_address_in_the_environment_holds_for_polls(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_VERTEX_BASE_URL", rig.vertex.url)
    other = rig.another("")
    other._clients = Clients()
    rig.vertex.then(Step(ending="never"))
    operation = await Rig(rig.vertex, other, rig.videos, rig.folder).submit(a_request(model=VEO))
    assert isinstance(await other.poll(operation), GenerationRunning)
    await other.aclose()


@pytest.mark.parametrize("location", LOCATIONS)
def test_the_address_of_a_location_is_the_library_s(location: str) -> None:
    from google import genai

    credentials = Credentials("t")  # type: ignore[no-untyped-call]
    client = genai.Client(vertexai=True, project="acme", location=location, credentials=credentials)
    assert client._api_client._http_options.base_url == f"{endpoint_of(Location(project='acme', location=location))}/"
    client.close()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("ending", ["film", "inline", "error", "filtered", "audio_filtered", "fewer", "nothing"])
async def test_every_ending_is_read_as_the_library_reads_it(
    rig: Rig, model: str, ending: Ending, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = await _operation_that_ends(rig, model, Step(ending=ending))
    ours = await rig.model.poll(operation)
    polls = rig.vertex.books.polls

    async def send(self: PaidTransport, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=json.loads(await self.poll(request)), request=request)

    # From here on the library asks for itself, and reads its own answer.
    monkeypatch.setattr(adapter, "reply_with", lambda _: nullcontext())
    monkeypatch.setattr(PaidTransport, "handle_async_request", send)
    assert await rig.model.poll(operation) == ours
    assert rig.vertex.books.polls == polls + 2


async def _operation_that_ends(rig: Rig, model: str, step: Step) -> str:
    rig.vertex.then(step)
    return await rig.submit(a_request(model=model, duration_seconds=4))


@pytest.mark.parametrize("model", MODELS)
async def test_a_running_operation_needs_no_library(rig: Rig, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    operation = await _operation_that_ends(rig, model, Step(ending="never"))
    other = rig.another()
    monkeypatch.setattr(Clients, "at", None)
    assert isinstance(await other.poll(operation), GenerationRunning)
    await other.aclose()


@pytest.mark.parametrize("model", MODELS)
async def test_an_end_is_one_poll(rig: Rig, model: str) -> None:
    operation = await _operation_that_ends(rig, model, Step(polls=1, poll_statuses=(503,)))
    with pytest.raises(Unavailable, match="503"):
        await rig.model.poll(operation)
    assert isinstance(await rig.model.poll(operation), GenerationRunning)
    await rig.ended(operation)
    assert rig.vertex.books.polls == 3


async def test_the_library_sends_nothing_by_itself(rig: Rig) -> None:
    operation = await _operation_that_ends(rig, OMNI, Step(ending="never"))
    client = await rig.model._clients.at(Operation.parse(operation).location)
    with pytest.raises(Exception, match="second request"):
        await client.interactions.get("x")
    assert rig.vertex.books.polls == 0
