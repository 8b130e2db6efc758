"""Google ID tokens: signed here, with a key whose certificate a local server hands out."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from infra.gcp import id_tokens
from tests.facade.certs import AUDIENCE, EMAIL, CertServer, Signer, a_signer
from tests.facade.doors import ASYNC, GENERATE, PROMPT, Door, door_to, settings_for


@pytest.fixture
def opened(tmp_path: Path, certs: CertServer) -> Callable[..., Any]:
    @asynccontextmanager
    async def with_tokens(**changes: Any) -> AsyncIterator[Door]:
        given = {"id_token_audience": AUDIENCE, "id_token_emails": EMAIL, "id_token_certs_url": certs.url, **changes}
        settings = settings_for(tmp_path, **given)
        async with door_to(settings) as door:
            yield door

    return with_tokens


async def ask(door: Door, token: str) -> int:
    return (await door.client.get("/api/videos", headers={"Authorization": f"Bearer {token}"})).status_code


async def test_its_account_is_the_caller(opened: Callable[..., Any], certs: CertServer, google: Signer) -> None:
    async with opened() as door:
        headers = {"Authorization": f"Bearer {google.token(email=EMAIL.upper())}", **ASYNC}
        answer = await door.client.post(GENERATE, json={"prompt": PROMPT}, headers=headers)
        job = await door.desk.jobs.get(answer.json()["video_id"])
        assert job is not None
        assert job.caller == EMAIL
        assert await ask(door, google.token()) == 200
        assert certs.asked == 1, "the certificates are kept"


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "https://elsewhere.example.com"},
        {"aud": [AUDIENCE]},
        {"iss": "https://accounts.example.com"},
        {"iss": None},
        {"exp": int(time.time()) - 60},
        {"iat": int(time.time()) + 86_400},
        {"exp": "soon"},
        {"exp": None},
        {"email": None},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": None},
    ],
)
async def test_a_token_that_is_worth_nothing(
    opened: Callable[..., Any], google: Signer, changes: dict[str, Any]
) -> None:
    async with opened() as door:
        assert await ask(door, google.token(**changes)) == 401


async def test_what_is_no_token_at_all(opened: Callable[..., Any], google: Signer) -> None:
    head, claims, signature = google.token().split(".")
    unsigned = "eyJhbGciOiJub25lIn0"
    deep = "W" * 40_000
    async with opened() as door:
        for token in ("a.b.c", "..", f"{unsigned}.{claims}.", f"{head}.{claims}.{signature[::-1]}", f"{deep}.{deep}.a"):
            assert await ask(door, token) == 401
        assert await ask(door, a_signer("today").token()) == 401


async def test_keys_of_today_are_fetched_soon(
    opened: Callable[..., Any], certs: CertServer, google: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened() as door:
        assert await ask(door, google.token()) == 200
        fresh = a_signer("tomorrow")
        certs.signers.append(fresh)
        assert await ask(door, fresh.token()) == 401, "strangers can't make us ask for each of their tokens"
        assert certs.asked == 1
        monkeypatch.setattr(id_tokens, "_KEPT_AT_LEAST_S", -1.0)
        assert await ask(door, fresh.token()) == 200
        assert certs.asked == 2


async def test_only_these_accounts(opened: Callable[..., Any], google: Signer) -> None:
    async with opened(id_token_emails=f"Boss@example.com, {EMAIL}") as door:
        assert await ask(door, google.token()) == 200
        assert await ask(door, google.token(email="boss@example.com")) == 200
        other = await door.client.get(
            "/api/videos", headers={"Authorization": f"Bearer {google.token(email='guest@example.com')}"}
        )
        assert (other.status_code, other.json()["error"]["code"]) == (403, "forbidden")


def test_tokens_of_everybody_are_not_taken(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="REELBUS_ID_TOKEN_EMAILS must name the accounts"):
        settings_for(tmp_path, id_token_audience=AUDIENCE, id_token_emails=" , ")


async def test_certificates_out_of_reach(opened: Callable[..., Any], certs: CertServer, google: Signer) -> None:
    certs.broken = True
    async with opened() as door:
        assert await ask(door, google.token()) == 503
        certs.broken = False
        assert await ask(door, google.token()) == 200
