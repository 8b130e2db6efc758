"""One trace id from the caller to the record, the message and the log; and an unexpected error."""

import json
import logging
from dataclasses import replace
from typing import Any

import pytest

from publisher.facade.call import State
from schemas.domain.job import Job
from schemas.wire.types import child_of
from tests.facade.doors import ASYNC, Door, door_over
from tests.facade.faults import UnreachableJobs
from tests.facade.hand import Hand

TRACE = "0af7651916cd43dd8448eb211c80319c"
GIVEN = f"00-{TRACE}-b7ad6b7169203331-01"


async def test_the_callers_trace_goes_on(door: Door, hand: Hand) -> None:
    answer = await door.post({**ASYNC, "traceparent": GIVEN})
    assert answer.headers["x-request-id"] == TRACE
    job = await door.desk.jobs.get(answer.json()["video_id"])
    delivery = await hand.take_delivery()
    assert job is not None
    assert job.traceparent == delivery.message.traceparent == answer.headers["traceparent"]
    assert job.traceparent is not None
    assert job.traceparent.split("-")[1] == TRACE
    assert job.traceparent != GIVEN


@pytest.mark.parametrize(
    "given", [None, "", "00-xyz", f"00-{'0' * 32}-b7ad6b7169203331-01", f"00-{TRACE}-{'0' * 16}-01", f"ff{GIVEN[2:]}"]
)
def test_a_trace_begins_here(given: str | None) -> None:
    _, trace_id, span_id, flags = child_of(given).split("-")
    assert trace_id != TRACE
    assert (len(trace_id), len(span_id), flags) == (32, 16, "01")


def test_a_later_version_is_understood() -> None:
    assert child_of(f"01-{TRACE}-b7ad6b7169203331-00-more").split("-")[1::2] == [TRACE, "00"]


async def test_each_answer_is_logged_once(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await door.client.get("/api/videos/never-was", headers={"traceparent": GIVEN})
    await door.client.get("/api/videos/health")
    lines = [vars(record) for record in caplog.records if vars(record).get("action") == "http_answered"]
    assert [(line["path"], line["status"], line["trace_id"]) for line in lines] == [
        ("/api/videos/never-was", 404, TRACE)
    ]


@pytest.mark.parametrize(
    ("body", "code", "field", "reason"),
    [
        ({"prompt": "short"}, "invalid_request", "prompt", "prompt must have at least 10 characters, not 5"),
        ({"a\n\x1b[31m\u2028b": 1}, "invalid_request", "a??[31m?b", "a??[31m?b is not a known key"),
        (
            {"duration_seconds": 99},
            "invalid_request",
            "duration_seconds",
            "duration_seconds must be at most 30, not 99",
        ),
    ],
)
async def test_the_log_says_why_a_call_was_refused(
    door: Door, caplog: pytest.LogCaptureFixture, body: dict[str, Any], code: str, field: str, reason: str
) -> None:
    caplog.set_level(logging.INFO)
    assert (await door.post(**body)).status_code == 400
    [line] = [vars(record) for record in caplog.records if vars(record).get("action") == "http_answered"]
    assert (line["status"], line["code"], line["field"], line["reason"]) == (400, code, field, reason)


async def test_the_log_says_why_a_call_was_turned_away(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await door.client.get("/api/videos", headers={"Host": "evil.example"})
    [line] = [vars(record) for record in caplog.records if vars(record).get("action") == "http_answered"]
    assert (line["status"], line["code"]) == (421, "misdirected_request")
    assert "evil.example" in line["reason"]


async def test_a_path_brings_no_line_breaks_or_colours_into_the_log(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await door.client.get("/api/videos/a%0Ab%1B%5B31m%E2%80%A8")
    [line] = [vars(record) for record in caplog.records if vars(record).get("action") == "http_answered"]
    assert line["path"] == "/api/videos/a%0Ab%1B%5B31m%E2%80%A8"


async def test_prompts_are_not_logged(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await door.queued(prompt="a secret that stays between us")
    assert "secret" not in json.dumps([{**vars(record)} for record in caplog.records], default=str)


async def test_the_unforeseen_is_a_500_without_a_traceback(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    state: State = {**door.state, "ctx": replace(door.desk, jobs=_Broken())}
    async with door_over(state) as broken:
        answer = await broken.client.get("/api/videos/some-job")
    assert answer.status_code == 500
    assert answer.json()["detail"].startswith("Server error during video generation: ")
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "http_broke" in [vars(record).get("action") for record in caplog.records]


async def test_answers_are_not_kept_or_sniffed(door: Door) -> None:
    answer = await door.client.get("/api/videos/health")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


class _Broken(UnreachableJobs):
    async def get(self, job_id: str) -> Job | None:
        raise ZeroDivisionError("a secret")
