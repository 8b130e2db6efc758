"""The inbox of a downstream team: once for each event, acked after success and never before."""

import json
import logging
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.wire.completion import Completion, Outcome
from schemas.wire.message import Message, encode_completion
from subscriber.consumer import Inbox, RecentEvents

NOW = datetime(2026, 1, 31, tzinfo=UTC)


@dataclass
class InHand:
    """A message as Google's client hands it over."""

    message: Message
    settled: list[str] = field(default_factory=list)

    @property
    def data(self) -> bytes:
        return self.message.data

    @property
    def attributes(self) -> dict[str, str]:
        return dict(self.message.attributes)

    def ack(self) -> None:
        self.settled.append("ack")

    def nack(self) -> None:
        self.settled.append("nack")


def a_message(job_id: str = "job-1", **changes: str) -> Message:
    path = f"generated-videos/{job_id}.mp4"
    made = encode_completion(Completion(job_id=job_id, state=Outcome.SUCCEEDED, gcs_path=path), at=NOW)
    return Message(data=made.data, attributes={**made.attributes, **changes})


def received(inbox: Inbox, message: Message) -> str:
    hand = InHand(message)
    inbox.receive(hand)
    (settled,) = hand.settled
    return settled


def test_a_repeat_is_acked_and_not_handled_again() -> None:
    handled: list[str | None] = []
    inbox = Inbox(lambda completion: handled.append(completion.job_id))
    assert [received(inbox, a_message(job)) for job in ("a", "b", "a", "a")] == ["ack"] * 4
    assert handled == ["a", "b"]


def test_another_life_of_a_job_is_no_repeat() -> None:
    handled: list[Completion] = []
    inbox = Inbox(handled.append)
    first = a_message()
    again = Message(
        data=json.dumps({**json.loads(first.data), "life": 2}).encode(),
        attributes={**first.attributes, "ce-id": "job-1.2.succeeded"},
    )
    assert [received(inbox, message) for message in (first, again, first)] == ["ack"] * 3
    assert [completion.life for completion in handled] == [1, 2]


def test_a_message_without_a_ce_id_is_known_by_what_it_says() -> None:
    handled: list[Completion] = []
    inbox = Inbox(handled.append)
    bare = Message(data=a_message().data)
    assert [received(inbox, message) for message in (bare, a_message(), bare)] == ["ack"] * 3
    assert len(handled) == 1


def test_what_was_not_handled_comes_again(caplog: pytest.LogCaptureFixture) -> None:
    handled: list[Completion] = []

    def handle(completion: Completion) -> None:
        handled.append(completion)
        if len(handled) == 1:
            raise OSError("our own database is away")

    inbox = Inbox(handle)
    assert [received(inbox, a_message()) for _ in range(3)] == ["nack", "ack", "ack"]
    assert len(handled) == 2
    assert _actions(caplog) == ["completion_unhandled"]


def test_a_memory_that_fails_loses_nothing() -> None:
    class Away(RecentEvents):
        def add(self, event_id: str, /) -> None:
            raise OSError("no room")

    handled: list[Completion] = []
    inbox = Inbox(handled.append, Away())
    assert [received(inbox, a_message()) for _ in range(2)] == ["nack", "nack"]
    assert len(handled) == 2


def test_a_repeat_while_the_first_is_under_way_waits_for_its_end() -> None:
    begun, let_go = threading.Event(), threading.Event()

    def handle(_: Completion) -> None:
        begun.set()
        assert let_go.wait(60)

    inbox = Inbox(handle)
    first = InHand(a_message())
    thread = threading.Thread(target=inbox.receive, args=[first])
    thread.start()
    assert begun.wait(60)
    assert received(inbox, a_message()) == "nack"
    assert first.settled == []
    let_go.set()
    thread.join(60)
    assert first.settled == ["ack"]
    assert received(inbox, a_message()) == "ack"


@pytest.mark.parametrize(
    ("data", "attributes"),
    [
        (b"", {}),
        (b"\xff{", {}),
        (b"[" * 100_000, {}),
        (b'{"job_id": "job-1", "state": "succeeded"}', {}),
    ],
)
def test_what_can_t_be_read_is_kept_for_who_can(
    data: bytes, attributes: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    handled: list[Completion] = []
    inbox = Inbox(handled.append)
    assert received(inbox, Message(data=data, attributes=attributes)) == "nack"
    assert handled == []
    assert _actions(caplog) == ["completion_unread"]


@pytest.mark.parametrize(
    ("data", "attributes"),
    [
        (b'{"job_id": "job-1", "state": "paused"}', {}),
        (b'{"job_id": "job-1", "state": "paused"}', {"ce-type": "reelbus.video.paused.v1"}),
        (b"no JSON at all", {"ce-type": "reelbus.video.progress.v1"}),
        (a_message().data, {"ce-type": "reelbus.video.succeeded.v2"}),
        (a_message().data, {"ce-type": "reelbus.video.requested.v1"}),
        (a_message().data, {"ce-type": "com.example.other"}),
    ],
)
def test_a_type_of_a_later_version_is_acked_unread(
    data: bytes, attributes: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    handled: list[Completion] = []
    assert received(Inbox(handled.append), Message(data=data, attributes=attributes)) == "ack"
    assert handled == []
    assert _actions(caplog) == ["completion_unknown"]


def test_keys_and_words_of_a_later_version_change_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """At every level; of a request too that this version would refuse."""
    request = {"job_id": "job-1", "prompt": "A harbour at dawn", "scene": {"title": "Dawn", "mood": 3}, "fps": 60}
    later = {"duration_seconds": 600, "quality": "dream", "resolution": "8k"}
    error = {"category": "weather", "code": "storm", "message": "No.", "charged": "partly", "until": "tomorrow"}
    body = {"job_id": "job-1", "state": "failed", "error": error, "timings": {"paused_at": 1}, "chapters": []}
    handled: list[Completion] = []
    data = json.dumps({**body, "request": {**request, **later}}).encode()
    assert (
        received(Inbox(handled.append), Message(data=data, attributes={"ce-type": "reelbus.video.failed.v1"})) == "ack"
    )
    (told,) = handled
    assert told.request is not None
    assert told.error is not None
    assert (told.request.prompt, told.request.duration_seconds, told.request.quality) == (
        request["prompt"],
        600,
        "dream",
    )
    assert (told.error.category, told.error.charged, told.model_extra) == ("weather", "unknown", {"chapters": []})
    assert caplog.records == []


def test_a_memory_of_one_s_own_outlives_the_inbox() -> None:
    handled: list[Completion] = []
    seen: set[str] = set()
    for _ in range(2):
        assert received(Inbox(handled.append, seen), a_message()) == "ack"
    assert (len(handled), seen) == (1, {"job-1.1.succeeded"})


def test_recent_forgets_the_oldest() -> None:
    recent = RecentEvents(limit=2)
    for event_id in ("a", "b", "b", "c"):
        recent.add(event_id)
    assert [event_id in recent for event_id in "abc"] == [False, True, True]


def _actions(caplog: pytest.LogCaptureFixture) -> list[Any]:
    assert all(record.levelno >= logging.WARNING for record in caplog.records)
    return [record.__dict__["action"] for record in caplog.records]
