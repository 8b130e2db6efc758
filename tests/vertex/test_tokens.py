"""A 401 is answered with a new access token at once: a poll asks again, a submit is sent again, and once accepted."""

from datetime import UTC, datetime, timedelta
from typing import Any

import google.auth
import pytest
from google.auth.exceptions import RefreshError
from google.oauth2.credentials import Credentials

from infra.gcp.vertex.client import Clients
from infra.gcp.vertex.tokens import Tokens
from schemas.errors import SubmitRefused, Unavailable
from schemas.ports import GenerationRunning
from tests.vertex.rig import OMNI, VEO, Rig, a_clip, a_request, adapter
from tests.vertex.script import Step

MODELS = (VEO, OMNI)


class Renewable(Credentials):
    """Credentials whose tokens are numbered."""

    def __init__(self) -> None:
        super().__init__("token-0")  # type: ignore[no-untyped-call]
        self.count = 0
        self.broken = False

    def refresh(self, request: Any) -> None:
        if self.broken:
            raise RefreshError("no")  # type: ignore[no-untyped-call]
        self.count += 1
        self.token = f"token-{self.count}"
        self.expiry = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=1)


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> Renewable:
    """What this process finds; the wire is plain, where tokens are not shown otherwise."""
    found = Renewable()
    monkeypatch.setattr(google.auth, "default", lambda **_: (found, "acme"))
    original = Clients.__init__

    def with_tokens(self: Clients, *, base_url: str = "") -> None:
        original(self, base_url=base_url)
        self._tokens = Tokens(anonymous=False)

    monkeypatch.setattr(Clients, "__init__", with_tokens)
    return found


@pytest.mark.parametrize("model", MODELS)
async def test_a_submit_is_sent_again_with_a_new_token(rig: Rig, credentials: Renewable, model: str) -> None:
    own = rig.another()
    rig.vertex.then(Step(status=401), Step())
    await Rig(rig.vertex, own, rig.videos, rig.folder).submit(a_request(model=model))
    await own.aclose()
    assert (rig.vertex.books.posts, len(rig.vertex.books.accepted)) == (2, 1)
    assert rig.vertex.books.tokens == ["Bearer token-0", "Bearer token-1"]
    assert len(set(rig.vertex.books.connections)) == 2


@pytest.mark.parametrize("model", MODELS)
async def test_a_new_token_that_is_refused_as_well_is_the_end(rig: Rig, credentials: Renewable, model: str) -> None:
    own = rig.another()
    rig.vertex.then(Step(status=401), Step(status=401), Step())
    with pytest.raises(SubmitRefused) as refusal:
        await Rig(rig.vertex, own, rig.videos, rig.folder).submit(a_request(model=model))
    await own.aclose()
    assert refusal.value.failure.code == "unauthenticated"
    assert (rig.vertex.books.posts, len(rig.vertex.books.accepted)) == (2, 0)


async def test_nothing_is_sent_again_without_a_new_token(rig: Rig, credentials: Renewable) -> None:
    own = rig.another()
    rig.vertex.then(Step(status=401), Step())
    credentials.broken = True
    with pytest.raises(SubmitRefused) as refusal:
        await Rig(rig.vertex, own, rig.videos, rig.folder).submit(a_request())
    await own.aclose()
    assert (refusal.value.failure.code, refusal.value.failure.retryable) == ("no_token", True)
    assert rig.vertex.books.posts == 1


async def test_the_second_request_keeps_to_the_time(rig: Rig) -> None:
    """Two looks at the clock for the first request, two for the second: the last one is too late."""
    looks = iter((0.0, 0.0, 0.0, 1000.0))
    own = adapter(rig.vertex.url, rig.videos, boot=lambda: next(looks))
    rig.vertex.then(Step(status=401), Step())
    request = a_request(model=VEO)
    with pytest.raises(SubmitRefused) as refusal:
        await own.submit(request, a_clip(own.plan(request).clips[0]), (), send_before=60.0)
    await own.aclose()
    assert refusal.value.failure.code == "not_sent"
    assert rig.vertex.books.posts == 1


@pytest.mark.parametrize("model", MODELS)
async def test_a_poll_is_asked_again_at_once(rig: Rig, credentials: Renewable, model: str) -> None:
    own = rig.another()
    rig.vertex.then(Step(poll_statuses=(401,), ending="never"))
    operation = await Rig(rig.vertex, own, rig.videos, rig.folder).submit(a_request(model=model))
    assert await own.poll(operation) == GenerationRunning()
    assert (rig.vertex.books.polls, credentials.count) == (2, 1)
    await own.aclose()


@pytest.mark.parametrize("model", MODELS)
async def test_a_poll_that_is_refused_twice_is_asked_again_later(rig: Rig, credentials: Renewable, model: str) -> None:
    own = rig.another()
    rig.vertex.then(Step(poll_statuses=(401,) * 4, ending="never"))
    operation = await Rig(rig.vertex, own, rig.videos, rig.folder).submit(a_request(model=model))
    for _ in range(2):
        with pytest.raises(Unavailable, match="401"):
            await own.poll(operation)
    assert credentials.count == 1  # not for each of a thousand polls
    assert await own.poll(operation) == GenerationRunning()
    await own.aclose()
