"""`reelbus key`, and the key that `--url` shows."""

import asyncio
import json
import re
from functools import partial
from pathlib import Path

import httpx
import pytest

from publisher.cli.http_client import ApiKeyAuth
from publisher.settings import PublisherSettings, find_key, new_key
from schemas.errors import Invalid
from tests.cli.commands import Shell, complaint
from tests.facade.process import server_at


def test_a_new_key_and_its_line_for_the_settings(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    result = shell("key", "new", "acme")
    assert result.exit_code == 0
    [key] = re.findall(r"rb_[\w-]{43}", result.stdout)
    [line] = re.findall(r"REELBUS_API_KEYS='(.*)'", result.stdout)
    monkeypatch.setenv("REELBUS_API_KEYS", line)
    settings = PublisherSettings(_env_file=None)
    known = find_key(key, settings.api_keys)
    assert known
    assert (known.name, known.scopes) == ("acme", ("submit", "read"))
    assert key not in line


def test_two_keys_are_never_the_same(shell: Shell) -> None:
    one, other = (json.loads(shell("key", "new", "acme", "--json").stdout) for _ in range(2))
    assert one["key"] != other["key"]
    assert one["name"] == other["name"] == "acme"


def test_a_key_with_scopes(shell: Shell) -> None:
    made = json.loads(shell("key", "new", "ops", "--scope", "operate", "--scope", "read", "--json").stdout)
    assert made["scopes"] == ["operate", "read"]
    assert "scopes" not in json.loads(shell("key", "new", "acme", "--json").stdout)
    assert shell("key", "new", "ops", "--scope", "admin").exit_code == 2


def test_a_name_that_is_none(shell: Shell) -> None:
    result = shell("key", "new", "a b")
    assert (result.exit_code, complaint(result)[:42]) == (2, "Error: Invalid request: name must have 1 t")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("acme:123", "REELBUS_API_KEYS: must be a JSON list of"),
        ('{"name": "acme"}', "REELBUS_API_KEYS"),
        ('[{"name": "acme", "sha256": "abc"}]', "REELBUS_API_KEYS (0.sha256): must have 64 digits"),
        ('[{"name": "acme", "key": "abc"}]', "REELBUS_API_KEYS"),
    ],
)
def test_settings_that_are_none(shell: Shell, value: str, words: str) -> None:
    result = shell("list", REELBUS_API_KEYS=value)
    assert result.exit_code == 2
    assert words.partition(":")[2].strip() in complaint(result)
    assert "abc" not in complaint(result)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://facade.example.com:8443/api/videos", True),
        ("https://facade.example.com:8443/videos/a.mp4?signature=x", True),
        ("http://facade.example.com:8443/api/videos", False),
        ("https://facade.example.com/api/videos", False),
        ("https://storage.googleapis.com/bucket/a.mp4", False),
        ("https://facade.example.com.evil.example:8443/", False),
    ],
)
def test_the_key_is_shown_to_its_facade_alone(address: str, shown: bool) -> None:
    request = httpx.Request("GET", address)
    next(ApiKeyAuth("https://facade.example.com:8443", "secret").auth_flow(request))
    assert request.headers.get("authorization") == ("Bearer secret" if shown else None)


@pytest.mark.parametrize("key", ["a b", "a\r\nX: y", "ü", "x" * 5000])
def test_a_key_that_no_header_can_carry(key: str) -> None:
    with pytest.raises(Invalid, match="REELBUS_API_KEY"):
        ApiKeyAuth("http://facade", key)


async def test_a_facade_with_keys_serves_the_command_line_that_shows_one(shell: Shell, tmp_path: Path) -> None:
    key, known = new_key("acme")
    async with server_at(tmp_path, api_keys=f"[{known.model_dump_json()}]") as server:
        ask = partial(shell, "list", "--url", server.url)
        assert (await asyncio.to_thread(ask, REELBUS_API_KEY=key)).stdout == "No jobs.\n"
        for wrong, words in (("", "Send an API key"), ("rb_guessed", "is unknown or has expired")):
            result = await asyncio.to_thread(ask, REELBUS_API_KEY=wrong)
            assert result.exit_code == 2
            assert words in complaint(result)
