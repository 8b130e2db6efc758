"""What a finished job needs of its bucket is tried at the start, before anything is paid."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from infra.adapters import Adapters
from infra.gcp.settings import bucket_settings
from schemas.errors import Invalid
from schemas.ports import VideoStore
from tests.gcp.emulated import Project

SIGNER = "signer@acme.iam.gserviceaccount.com"
SIGNED = f"gs://films?urls=signed&signer={SIGNER}"
NEEDED = {f"storage.objects.{verb}" for verb in ("create", "delete", "get", "list")}


@dataclass
class Google:
    """What it answers, and what it was asked."""

    permissions: set[str] = field(default_factory=lambda: set(NEEDED))
    bucket: int = 200
    signature: int = 200
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str) -> tuple[int, Any]:
        url = urlsplit(path)
        self.asked.append(url.path)
        if url.path.endswith("/token"):
            return 200, {"access_token": "t", "expires_in": 3599, "token_type": "Bearer"}
        if url.path.endswith("/testPermissions"):
            wanted = parse_qs(url.query)["permissions"]
            granted = [name for name in wanted if name in self.permissions]
            return self.bucket, {"permissions": granted} if self.bucket == 200 else _error(self.bucket)
        if url.path.endswith(":signBlob"):
            return self.signature, {"signedBlob": "c2ln"} if self.signature == 200 else _error(self.signature)
        return 404, _error(404)


def _error(code: int) -> dict[str, Any]:
    return {"error": {"code": code, "message": "Scripted.", "status": "X"}}


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Google]:
    """Google's addresses lead to this machine, and the credentials are a person's own login."""
    said = Google()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            status, body = said.answer(self.path)
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    send = requests.Session.request

    def led_here(self: requests.Session, method: str, url: str, *arguments: Any, **named: Any) -> Any:
        there = urlsplit(url)
        return send(self, method, there._replace(scheme="http", netloc=here).geturl(), *arguments, **named)

    here = f"127.0.0.1:{server.server_port}"
    monkeypatch.setattr(requests.Session, "request", led_here)
    login = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}
    (tmp_path / "login.json").write_text(json.dumps(login))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "login.json"))
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    yield said
    server.shutdown()
    server.server_close()


async def _opened(adapters: Adapters, address: str) -> VideoStore:
    return await adapters.videos(address, base_url="http://facade", check=True)


async def _refusal(address: str) -> str:
    async with Adapters() as adapters:
        with pytest.raises(Invalid) as refused:
            await _opened(adapters, address)
    assert refused.value.field == "REELBUS_VIDEOS"
    assert "\n" not in str(refused.value)
    return str(refused.value)


async def test_a_login_that_can_t_sign_is_told_what_can(google: Google) -> None:
    words = await _refusal("gs://films?urls=signed")
    assert "can't sign URLs" in words
    assert "signer=" in words
    assert google.asked == []


async def test_google_signs_for_a_service_account_that_is_named(google: Google) -> None:
    async with Adapters() as adapters:
        videos = await _opened(adapters, SIGNED)
        url = urlsplit(await videos.url_for("generated-videos/a.mp4"))
    assert parse_qs(url.query)["X-Goog-Credential"][0].startswith(f"{SIGNER}/")
    assert google.asked.count(f"/v1/projects/-/serviceAccounts/{SIGNER}:signBlob") == 2


async def test_a_signature_that_is_refused_is_told_at_the_start(google: Google) -> None:
    google.signature = 403
    assert "URLs can't be signed" in await _refusal(SIGNED)


async def test_a_signature_that_is_out_of_reach_ends_no_start(
    google: Google, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("google.cloud.storage._signing.DEFAULT_RETRY", lambda call: call)
    google.signature = 500
    with caplog.at_level(logging.WARNING):
        async with Adapters() as adapters:
            await _opened(adapters, SIGNED)
    assert [record.action for record in caplog.records if hasattr(record, "action")] == ["videos_unchecked"]


async def test_a_bucket_that_is_missing_is_told_at_the_start(google: Google) -> None:
    google.bucket = 404
    assert "there is no bucket films" in await _refusal("gs://films")


async def test_a_right_that_is_missing_is_told_at_the_start(google: Google) -> None:
    google.permissions -= {"storage.objects.create"}
    words = await _refusal("gs://films")
    assert "lack storage.objects.create on the bucket films" in words


@pytest.mark.emulator
async def test_on_an_emulator_a_bucket_must_exist(project: Project) -> None:
    assert f"there is no bucket {project.bucket}" in await _refusal(project.videos_url)
    project.create_bucket()
    async with Adapters() as adapters:
        await _opened(adapters, project.videos_url)


@pytest.mark.parametrize(
    "address",
    [
        "gs://films?urls=signed&base=https://cdn.example.com",
        f"gs://films?signer={SIGNER}",
        "gs://films?urls=signed&signer=me",
        "gs://films?base=https://cdn.example.com/a b",
    ],
)
def test_options_that_do_not_fit_together_are_refused(address: str) -> None:
    with pytest.raises(Invalid, match="REELBUS_VIDEOS"):
        bucket_settings(urlsplit(address))
