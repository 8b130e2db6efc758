"""One attempt, over real sockets: what is called, what is never called, and what an answer means."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from infra.webhooks import poster as poster_module
from infra.webhooks.poster import HttpPoster
from schemas.wire.webhook_address import AddressPolicy, parse_policy
from tests.courier.certs import tls_of
from tests.courier.receivers import Receiver, receiving
from tests.unit.test_webhook import HOSTILE

LOCAL = parse_policy("127.0.0.0/8", "443")
HEADERS = {"webhook-id": "j1-1-succeeded", "webhook-timestamp": "1", "webhook-signature": "v1,x"}


@pytest.fixture
async def poster() -> AsyncIterator[HttpPoster]:
    poster = HttpPoster(LOCAL)
    yield poster
    await poster.aclose()


async def test_the_bytes_and_headers_arrive(poster: HttpPoster) -> None:
    async with receiving(Receiver()) as receiver:
        result = await poster.post(receiver.url, b'{"a":1}', HEADERS)
    assert (result.status, result.error, result.is_accepted) == (204, None, True)
    ((headers, body),) = receiver.got
    assert body == b'{"a":1}'
    assert headers[":request"] == "POST /hook?token=secret-1 HTTP/1.1"
    assert headers["host"] == f"127.0.0.1:{receiver.port}"
    assert headers["content-type"] == "application/json"
    assert headers.items() >= HEADERS.items()
    assert "cookie" not in headers


@pytest.mark.parametrize(
    ("answer", "status", "error"),
    [
        ("302 Found\r\nLocation: http://127.0.0.1:{port}/other", 302, "redirect"),
        ("410 Gone", 410, "status"),
        ("500 Oops", 500, "status"),
    ],
)
async def test_an_answer_that_is_no_2xx_is_an_error_and_no_redirect_is_followed(
    poster: HttpPoster, answer: str, status: int, error: str
) -> None:
    async with receiving(Receiver()) as receiver:
        receiver.answer = f"HTTP/1.1 {answer.format(port=receiver.port)}\r\nContent-Length: 0\r\n\r\n".encode()
        result = await poster.post(receiver.url, b"{}", HEADERS)
    assert (result.status, result.error, receiver.connections) == (status, error, 1)


@pytest.mark.parametrize(("text", "seconds"), [("120", 120), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("soon", None)])
async def test_a_pause_that_the_receiver_asks_for_is_read(poster: HttpPoster, text: str, seconds: float | None) -> None:
    answer = f"HTTP/1.1 429 Slow\r\nRetry-After: {text}\r\nContent-Length: 0\r\n\r\n".encode()
    async with receiving(Receiver(answer=answer)) as receiver:
        result = await poster.post(receiver.url, b"{}", HEADERS)
    assert (result.status, result.retry_after_s) == (429, seconds)


@pytest.mark.parametrize("drip_s", [0, 0.02])
async def test_a_receiver_that_hangs_or_drips_is_left(
    poster: HttpPoster, drip_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poster_module, "WHOLE_S", 0.3)
    answer = b"HTTP/1.1 200 OK\r\nX: " + b"a" * 10_000 if drip_s else b""
    async with receiving(Receiver(answer=answer, drip_s=drip_s)) as receiver:
        result = await poster.post(receiver.url, b"{}", HEADERS)
        await receiver.until(1)
    assert (result.status, result.error) == (None, "timeout")


async def test_a_body_without_end_is_not_read(poster: HttpPoster) -> None:
    async with receiving(
        Receiver(answer=b"HTTP/1.1 200 OK\r\nContent-Length: 9999999999\r\n\r\n" + b"a" * 9)
    ) as receiver:
        result = await poster.post(receiver.url, b"{}", HEADERS)
    assert result.is_accepted


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH\r\n\r\n", b"HTTP/1.1 999999 x\r\n\r\n"])
async def test_what_is_no_http_is_an_error(poster: HttpPoster, answer: bytes) -> None:
    async with receiving(Receiver(answer=answer)) as receiver:
        result = await poster.post(receiver.url, b"{}", HEADERS)
    assert (result.status, result.error) == (None, "protocol")


async def test_a_closed_port_is_an_error(poster: HttpPoster) -> None:
    async with receiving(Receiver()) as receiver:
        pass
    assert (await poster.post(receiver.url, b"{}", HEADERS)).error == "connect"


@pytest.mark.parametrize("url", HOSTILE)
async def test_a_hostile_address_is_never_connected_to(url: str) -> None:

    async def resolve(host: str, port: int) -> Sequence[str]:
        if host == "example.com":
            return ["93.184.216.34"]
        found = await asyncio.get_running_loop().getaddrinfo(host, port)
        return [str(each[4][0]) for each in found]

    poster = HttpPoster(AddressPolicy(), resolve=resolve)
    result = await poster.post(url, b"{}", HEADERS)
    await poster.aclose()
    assert (result.status, result.error) == (None, "refused_address")


async def test_a_name_with_one_private_address_is_refused() -> None:
    async with receiving(Receiver()) as receiver:

        async def resolve(host: str, port: int) -> Sequence[str]:
            return ["8.8.8.8", "127.0.0.1"]

        poster = HttpPoster(AddressPolicy(ports=frozenset({receiver.port})), resolve=resolve)
        result = await poster.post(f"https://example.com:{receiver.port}/", b"{}", HEADERS)
        await poster.aclose()
    assert (result.error, receiver.connections) == ("refused_address", 0)


async def test_a_name_server_that_changes_its_answer_is_asked_once(tmp_path: Path) -> None:
    """The first answer is allowed, and the connection goes there. The second one would be another machine."""
    server, tls = tls_of(tmp_path, "hooks.example.com")
    names: list[str | None] = []
    server.sni_callback = lambda _, name, __: names.append(name)
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])

    async def resolve(host: str, port: int) -> Sequence[str]:
        assert host == "hooks.example.com"
        return next(answers)

    async with receiving(Receiver(), ssl=server) as receiver:
        poster = HttpPoster(LOCAL, resolve=resolve, tls=tls)
        url = f"https://hooks.example.com:{receiver.port}/hook"
        first = await poster.post(url, b"{}", HEADERS)
        second = await poster.post(url, b"{}", HEADERS)
        await poster.aclose()
    assert (first.status, first.error) == (204, None)
    assert receiver.got[0][0]["host"] == f"hooks.example.com:{receiver.port}"
    assert names == ["hooks.example.com"], "TLS is asked for by name, and the certificate is checked against it"
    assert (second.error, receiver.connections) == ("refused_address", 1)


async def test_a_proxy_of_the_environment_is_not_used(poster: HttpPoster, monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving(Receiver()) as proxy, receiving(Receiver()) as receiver:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
        assert (await poster.post(receiver.url, b"{}", HEADERS)).is_accepted
    assert (proxy.connections, receiver.connections) == (0, 1)


async def test_an_untrusted_certificate_is_refused(tmp_path: Path) -> None:
    server, tls = tls_of(tmp_path, "other.example.com")

    async def resolve(host: str, port: int) -> Sequence[str]:
        await asyncio.sleep(0)
        return ["127.0.0.1"]

    async with receiving(Receiver(), ssl=server) as receiver:
        poster = HttpPoster(LOCAL, resolve=resolve, tls=tls)
        result = await poster.post(f"https://hooks.example.com:{receiver.port}/", b"{}", HEADERS)
        await poster.aclose()
    assert (result.error, receiver.got) == ("tls", [])
