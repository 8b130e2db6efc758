"""Bodies that are broken, too large, or no JSON; and addresses that are none."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from publisher.facade import request_body
from publisher.facade.request_body import next_part_within
from tests.facade.doors import ASYNC, GENERATE, PROMPT, Door


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (rb'{"\ud800": 1}', "must be valid Unicode"),
        (rb'{"prompt": "\ud800 is half a character"}', "prompt must be valid Unicode"),
        (b"", "the body must be JSON: Expecting value at line 1, column 1"),
        (b'{"prompt": ', "the body must be JSON: Expecting value at line 1, column 12"),
        (b"[]", "the body must be a JSON object"),
        (b'"prompt"', "the body must be a JSON object"),
        (b"[" * 200_000, "the body is nested too deeply"),
        (b'{"prompt": "a", "prompt": "b"}', "prompt is given twice"),
        (b'{"seed": NaN}', "the body must be JSON, which has no NaN"),
        (b'{"seed": ' + b"9" * 5000 + b"}", "the body must be JSON with numbers of at most 4,300 digits"),
        (b'{"prompt": "\xff"}', "the body must be JSON in UTF-8"),
    ],
)
async def test_a_broken_body_is_a_400(door: Door, content: bytes, detail: str) -> None:
    answer = await door.client.post(GENERATE, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["detail"] == f"Invalid request: {detail}"


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "Application/JSON",
        "application/ld+json",
        "application/cloudevents+json; charset=utf-8",
    ],
)
async def test_json_by_any_name(door: Door, content_type: str) -> None:
    headers = {**ASYNC, "Content-Type": content_type}
    answer = await door.client.post(GENERATE, content=json.dumps({"prompt": PROMPT}), headers=headers)
    assert answer.status_code == 202


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "text/plain;charset=UTF-8",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=application/json",
        "application/octet-stream",
        "application/",
        "+json",
    ],
)
async def test_what_a_form_could_send_is_no_json(door: Door, content_type: str) -> None:
    headers = {**ASYNC, "Content-Type": content_type}
    answer = await door.client.post(GENERATE, content=json.dumps({"prompt": PROMPT}), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")
    assert await _jobs(door) == []


async def test_a_body_without_a_type_is_refused(door: Door) -> None:
    request = door.client.build_request("POST", GENERATE, content=json.dumps({"prompt": PROMPT}))
    del request.headers["Content-Type"]
    answer = await door.client.send(request)
    assert (answer.status_code, answer.json()["detail"]) == (
        415,
        "Send application/json, not a body without a Content-Type",
    )
    assert await _jobs(door) == []


@pytest.mark.parametrize(
    ("name", "value", "detail"),
    [
        ("Content-Type", "text/plain", "Send application/json, not text/plain"),
        ("Content-Encoding", "gzip", "Send the body without a Content-Encoding"),
    ],
)
async def test_other_bodies_are_a_415(door: Door, name: str, value: str, detail: str) -> None:
    answer = await door.client.post(GENERATE, content=b"{}", headers={name: value})
    assert (answer.status_code, answer.json()["detail"]) == (415, detail)


async def test_a_large_body_is_refused_by_its_length(door: Door) -> None:
    answer = await door.client.post(GENERATE, content=bytes(28_000_001))
    assert (answer.status_code, answer.json()["detail"]) == (413, "The body must have at most 28,000,000 bytes")


async def test_a_large_body_is_refused_while_it_comes(door: Door) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100_000_000:
            sent += 1_000_000
            yield bytes(1_000_000)

    answer = await door.client.post(GENERATE, content=endless())
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("size_bytes", "passed_s", "until_s", "rule"),
    [
        (0, 0, 10, "at 1,000 bytes a second or more"),
        (9_999, 9, 10, "at 1,000 bytes a second or more"),
        (15_000, 10, 15, "at 1,000 bytes a second or more"),
        (100_000, 10, 30, "without a pause of 20 s"),
        (100_000, 90, 100, "at 1,000 bytes a second or more"),
        (1_000_000, 110, 120, "within 120 s"),
    ],
)
def test_a_body_has_a_lowest_rate(size_bytes: int, passed_s: float, until_s: float, rule: str) -> None:
    assert next_part_within(size_bytes, passed_s, within_s=120) == (until_s, rule)


def test_the_time_in_which_the_facade_read_nothing_is_in_no_rate() -> None:
    assert next_part_within(70_000, 75, within_s=120, waited_s=25)[0] == 95
    assert next_part_within(70_000, 75, within_s=90, waited_s=25)[0] == 90


async def test_a_body_below_the_lowest_rate_is_refused(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "FLOOR_AFTER_S", 0.05)

    async def stalled() -> AsyncIterator[bytes]:
        yield b'{"prompt": "'
        await asyncio.Event().wait()

    answer = await door.client.post(GENERATE, content=stalled())
    assert (answer.status_code, answer.json()["error"]["code"]) == (408, "too_slow")
    assert answer.json()["detail"] == "The body must arrive at 1,000 bytes a second or more"
    assert answer.json()["error"]["retryable"]
    assert await _jobs(door) == []


async def test_other_addresses_and_methods_have_the_same_shape(door: Door) -> None:
    nothing = await door.client.get("/api/nothing")
    assert (nothing.status_code, nothing.json()["error"]["code"]) == (404, "not_found")
    other = await door.client.get(GENERATE)
    assert (other.status_code, other.headers["allow"]) == (405, "POST")
    assert other.json()["success"] is False


async def _jobs(door: Door) -> list[object]:
    return list((await door.client.get("/api/videos")).json()["videos"])
