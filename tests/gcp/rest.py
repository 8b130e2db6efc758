"""Cloud Storage's and IAM's addresses on this machine, for what the emulator lacks: roles, places, signatures."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import requests

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
    settings: dict[str, Any] = field(default_factory=dict)
    """The bucket's own record; empty: these credentials may not read it."""
    policies: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """The policy of the bucket, by the empty name, and of its managed folders."""

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
        if url.path.endswith("/iam"):
            folder = unquote(url.path.partition("/managedFolders/")[2].removesuffix("/iam"))
            return (200, self.policies[folder]) if folder in self.policies else (404, _error(404))
        if url.path == "/storage/v1/b/films":
            return (200, self.settings) if self.settings else (403, _error(403))
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
