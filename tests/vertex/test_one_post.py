"""The promise about money, counted on the wire: one `submit`, at most one POST, whatever happens to it."""

import asyncio
import sys
from types import ModuleType
from typing import Any

import google.auth
import pytest
from google.auth.exceptions import DefaultCredentialsError, RefreshError
from google.oauth2.credentials import Credentials

from infra.paid import transport
from schemas.errors import Category, Charged, SubmitError, SubmitRefused, SubmitUnknown
from tests.vertex.rig import OMNI, VEO, Rig, a_request, adapter
from tests.vertex.script import Step

MODELS = (VEO, OMNI)
REFUSED, UNKNOWN = SubmitRefused, SubmitUnknown


@pytest.fixture(params=["aiohttp", "no aiohttp"])
def http_client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """google-genai prefers aiohttp where it can be imported, and re-sends by itself then."""
    from google.genai import _api_client

    there = request.param == "aiohttp"
    monkeypatch.setattr(_api_client, "has_aiohttp", there)
    if there and "aiohttp" not in sys.modules:
        stub = ModuleType("aiohttp")  # whoever sends with it fails over a name that it lacks
        monkeypatch.setitem(sys.modules, "aiohttp", stub)
        monkeypatch.setattr(_api_client, "aiohttp", stub, raising=False)


@pytest.mark.usefixtures("http_client")
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("step", "kind", "code"),
    [
        (Step(status=400), REFUSED, "invalid_argument"),
        (Step(status=403), REFUSED, "permission_denied"),
        (Step(status=404), REFUSED, "model_not_found"),
        (Step(status=429), REFUSED, "quota"),
        (Step(status=429, body=""), UNKNOWN, "unclear_answer"),
        (Step(status=408), UNKNOWN, "unclear_answer"),
        (Step(status=500), UNKNOWN, "unclear_answer"),
        (Step(status=503), UNKNOWN, "unclear_answer"),
        (Step(status=503, accept=True), UNKNOWN, "unclear_answer"),
        (Step(body="<html>", accept=True), UNKNOWN, "unclear_answer"),
        (Step(body="{}", accept=True), UNKNOWN, "unclear_answer"),
        (Step(drop=True), UNKNOWN, "answer_lost"),
        (Step(drop=True, accept=True), UNKNOWN, "answer_lost"),
        (Step(hang=True), UNKNOWN, "answer_lost"),
        (Step(hang=True, accept=True), UNKNOWN, "answer_lost"),
    ],
    ids=lambda given: (
        "-".join(f"{k}={v}" for k, v in given.model_dump(exclude_defaults=True).items())
        if isinstance(given, Step)
        else None
    ),
)
async def test_one_submit_is_one_post(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, model: str, step: Step, kind: type[SubmitError], code: str
) -> None:
    monkeypatch.setattr(transport, "ANSWER_S", 0.3 if step.hang else 25.0)
    rig.vertex.then(step)
    with pytest.raises(kind) as refusal:
        await rig.submit(a_request(model=model))
    assert refusal.value.failure.code == code
    assert refusal.value.failure.charged is (Charged.UNKNOWN if kind is UNKNOWN else Charged.NO)
    assert rig.vertex.books.posts == 1
    assert len(rig.vertex.books.accepted) == step.accepts


@pytest.mark.usefixtures("http_client")
@pytest.mark.parametrize("model", MODELS)
async def test_a_good_submit_is_one_post(rig: Rig, model: str) -> None:
    await rig.submit(a_request(model=model))
    assert rig.vertex.books.posts == len(rig.vertex.books.accepted) == 1


@pytest.mark.parametrize("model", MODELS)
async def test_a_submit_that_comes_too_late_is_not_sent(rig: Rig, model: str) -> None:
    with pytest.raises(SubmitRefused) as refusal:
        await rig.submit(a_request(model=model), in_s=0)
    assert (refusal.value.failure.code, refusal.value.failure.retryable) == ("not_sent", True)
    assert rig.vertex.books.posts == 0


@pytest.mark.parametrize("model", MODELS)
async def test_the_time_is_looked_at_after_connecting(rig: Rig, model: str) -> None:
    asked: list[int] = []

    def boot() -> float:
        asked.append(rig.vertex.books.posts)
        return 0.0

    own = adapter(rig.vertex.url, rig.videos, boot=boot)
    request = a_request(model=model)
    rig_with_own_clock = Rig(rig.vertex, own, rig.videos, rig.folder)
    await rig_with_own_clock.submit(request)
    await own.aclose()
    assert asked == [0, 0]  # before a client is opened, and with the connection in hand
    assert rig.vertex.books.posts == 1


@pytest.mark.parametrize("model", MODELS)
async def test_a_connection_that_took_too_long_is_not_used(rig: Rig, model: str) -> None:
    looks = iter((0.0, float("inf")))
    own = adapter(rig.vertex.url, rig.videos, boot=lambda: next(looks))
    with pytest.raises(SubmitRefused) as refusal:
        await Rig(rig.vertex, own, rig.videos, rig.folder).submit(a_request(model=model))
    await own.aclose()
    assert (refusal.value.failure.code, refusal.value.failure.retryable) == ("not_sent", True)
    assert next(looks, None) is None  # it was looked at a second time
    assert rig.vertex.books.posts == 0


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://nobody.invalid"], ids=["refused", "no-such-name"])
async def test_nothing_is_sent_where_nobody_listens(rig: Rig, model: str, url: str) -> None:
    other = rig.another(url)
    with pytest.raises(SubmitRefused) as refusal:
        await Rig(rig.vertex, other, rig.videos, rig.folder).submit(a_request(model=model))
    await other.aclose()
    failure = refusal.value.failure
    assert (failure.code, failure.retryable, failure.charged) == ("unreachable", True, Charged.NO)


@pytest.mark.parametrize("model", MODELS)
async def test_nothing_is_sent_where_tls_fails(rig: Rig, monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    monkeypatch.setattr(google.auth, "default", lambda **_: (Credentials("t"), "acme"))  # type: ignore[no-untyped-call]
    other = rig.another(rig.vertex.url.replace("http://", "https://"))
    with pytest.raises(SubmitRefused) as refusal:
        await Rig(rig.vertex, other, rig.videos, rig.folder).submit(a_request(model=model))
    await other.aclose()
    assert refusal.value.failure.code == "unreachable"
    assert rig.vertex.books.posts == 0


@pytest.mark.parametrize(
    ("error", "retryable"),
    [(DefaultCredentialsError, False), (RefreshError, True)],
)
async def test_nothing_is_sent_without_a_token(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, error: type[Exception], retryable: bool
) -> None:
    def default(**_: Any) -> None:
        raise error("no")

    monkeypatch.setattr(google.auth, "default", default)
    other = rig.another("https://127.0.0.1:9")
    with pytest.raises(SubmitRefused) as refusal:
        await Rig(rig.vertex, other, rig.videos, rig.folder).submit(a_request())
    await other.aclose()
    failure = refusal.value.failure
    assert (failure.category, failure.code, failure.retryable) == (Category.AUTH, "no_token", retryable)


async def test_a_paid_call_needs_a_permit(rig: Rig) -> None:
    """Whatever else in the process gets hold of the client, or sends twice with it."""
    operation = await rig.submit(a_request(model=OMNI))
    assert operation
    (client,) = rig.model._clients._clients.values()
    with pytest.raises(SubmitUnknown, match="second request"):
        await client.aio.interactions.create(model=OMNI, input="x", background=True, store=True)
    assert rig.vertex.books.posts == 1


async def test_submits_at_the_same_time_have_permits_of_their_own(rig: Rig) -> None:
    request = a_request(model=VEO)
    operations = await asyncio.gather(*(rig.submit(request) for _ in range(5)))
    assert len(set(operations)) == len(set(rig.vertex.books.connections)) == rig.vertex.books.posts == 5
