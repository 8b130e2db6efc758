"""A proxy of the environment is used, and the promise about money holds: what the proxy is asked pays for nothing."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import google.auth
import pytest
from google.oauth2.credentials import Credentials

from infra.gcp.settings import VertexSettings
from infra.gcp.vertex.adapter import Vertex, open_vertex
from infra.paid.proxies import Proxies
from schemas.errors import Charged, Invalid, SubmitRefused, SubmitUnknown, Unavailable
from schemas.ports import GenerationDone
from tests.vertex.rig import OMNI, VEO, Rig, a_request
from tests.vertex.script import Step
from tests.vertex.tunnel import HOST, Tunnel, tunnel_to

MODELS = (VEO, OMNI)
_SETTINGS = [f"{name}_PROXY" for name in ("HTTP", "HTTPS", "ALL", "NO")]


@pytest.fixture(autouse=True)
def _without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the machine's own proxies."""
    for name in (*_SETTINGS, *(name.lower() for name in _SETTINGS)):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def tunnel(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Tunnel]:
    """The only way to Vertex AI."""
    monkeypatch.setattr(google.auth, "default", lambda **_: (Credentials("t"), "acme"))  # type: ignore[no-untyped-call]
    async with tunnel_to(rig.vertex.url, tmp_path) as tunnel:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        monkeypatch.setenv("HTTPS_PROXY", tunnel.url)
        yield tunnel


@pytest.fixture
async def through(rig: Rig, tunnel: Tunnel) -> AsyncIterator[Rig]:
    """The adapter behind it."""
    model: Vertex = rig.another(f"https://{HOST}")
    yield Rig(rig.vertex, model, rig.videos, rig.folder)
    await model.aclose()


@pytest.mark.parametrize("model", MODELS)
async def test_submits_and_polls_go_through_the_proxy(through: Rig, tunnel: Tunnel, model: str) -> None:
    operation = await through.submit(a_request(model=model, duration_seconds=4))
    assert isinstance(await through.ended(operation), GenerationDone)
    assert tunnel.asked == [f"CONNECT {HOST}:443 HTTP/1.1"] * 2
    assert through.vertex.books.posts == len(through.vertex.books.accepted) == 1


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("answer", [b"HTTP/1.1 502 Bad Gateway", b"HTTP/1.1 407 Proxy Authentication Required", b""])
async def test_a_proxy_that_refuses_pays_for_nothing(through: Rig, tunnel: Tunnel, model: str, answer: bytes) -> None:
    tunnel.refusal = answer and answer + b"\r\nContent-Length: 0\r\n\r\n"
    tunnel.hang_up = not answer
    with pytest.raises(SubmitRefused) as refusal:
        await through.submit(a_request(model=model))
    failure = refusal.value.failure
    assert (failure.code, failure.retryable, failure.charged) == ("unreachable", True, Charged.NO)
    assert len(tunnel.asked) == 1
    assert through.vertex.books.posts == 0


@pytest.mark.parametrize("model", MODELS)
async def test_a_tunnel_that_breaks_after_the_request_is_a_doubt(through: Rig, tunnel: Tunnel, model: str) -> None:
    tunnel.broken = True
    with pytest.raises(SubmitUnknown):
        await through.submit(a_request(model=model))
    assert len(tunnel.asked) == 1


async def test_one_submit_is_one_post_through_a_proxy(through: Rig) -> None:
    through.vertex.then(Step(status=503, accept=True))
    with pytest.raises(SubmitUnknown):
        await through.submit(a_request(model=VEO))
    assert through.vertex.books.posts == 1


async def test_a_poll_that_the_proxy_refuses_is_asked_again_later(through: Rig, tunnel: Tunnel) -> None:
    operation = await through.submit(a_request(model=VEO, duration_seconds=4))
    tunnel.refusal = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"
    with pytest.raises(Unavailable):
        await through.model.poll(operation)
    tunnel.refusal = b""
    assert isinstance(await through.ended(operation), GenerationDone)


@pytest.mark.parametrize("exempt", [HOST, ".invalid", "*"])
async def test_no_proxy_is_honoured(through: Rig, tunnel: Tunnel, exempt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", exempt)
    with pytest.raises(SubmitRefused):  # there is no such host
        await through.submit(a_request(model=VEO))
    assert tunnel.asked == []


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({"HTTPS_PROXY": "proxy.corp:3128"}, f"https://{HOST}", "http://proxy.corp:3128"),
        ({"https_proxy": "http://u:p@proxy.corp:3128"}, f"https://{HOST}", "http://u:p@proxy.corp:3128"),
        ({"ALL_PROXY": "http://proxy.corp"}, f"https://{HOST}", "http://proxy.corp"),
        ({"HTTP_PROXY": "http://proxy.corp"}, f"https://{HOST}", None),
        ({"HTTP_PROXY": "http://proxy.corp"}, f"http://{HOST}", "http://proxy.corp"),
        ({"HTTP_PROXY": "http://proxy.corp"}, "http://127.0.0.1:8085", None),
        ({"HTTP_PROXY": "http://proxy.corp"}, "http://[::1]:8085", None),
        ({"HTTPS_PROXY": "http://proxy.corp", "NO_PROXY": "10.0.0.0/8"}, "https://10.1.2.3", None),
        ({"HTTPS_PROXY": "http://proxy.corp", "NO_PROXY": f"{HOST}:444"}, f"https://{HOST}", "http://proxy.corp"),
        ({}, f"https://{HOST}", None),
    ],
)
def test_which_proxy(environment: dict[str, str], url: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    there = urlsplit(url)
    assert Proxies().proxy_for(there.scheme, there.netloc) == proxy


async def test_a_proxy_that_can_t_be_used_is_told_at_the_start(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://user:secret@proxy.corp:1080")
    with pytest.raises(Invalid, match=r"must be http://… or https://…, not socks5://…$") as refused:
        open_vertex(urlsplit("vertex://acme"), VertexSettings(videos_url="gs://films"), rig.videos)
    assert refused.value.field == "HTTPS_PROXY"
