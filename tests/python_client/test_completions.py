"""Completions of every release are read, and the inbox hands each to its function once."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reelbus_client import Inbox, Outcome, RecentEvents, ReelbusError, UnknownMessage, decode_completion, event_id_of
from reelbus_client.models import Completion
from schemas.wire import completion as server
from schemas.wire.message import encode_completion

CORPUS = Path(__file__).parents[1] / "corpus"
NOW = datetime(2026, 1, 31, tzinfo=UTC)
SENT: list[tuple[bytes, dict[str, str]]] = [
    (message["data"].encode(), message["attributes"])
    for path in sorted(CORPUS.glob("[0-9]*/messages.json"))
    for message in json.loads(path.read_text())
    if message["attributes"].get("ce-type", "").removeprefix("reelbus.video.").removesuffix(".v1") in tuple(Outcome)
]


@dataclass
class InHand:
    """A message as Google's client hands it over."""

    data: bytes
    attributes: Mapping[str, str]
    settled: list[str] = field(default_factory=list)

    def ack(self) -> None:
        self.settled.append("ack")

    def nack(self) -> None:
        self.settled.append("nack")


def a_message(job_id: str = "job-1") -> tuple[bytes, dict[str, str]]:
    path = f"generated-videos/{job_id}.mp4"
    made = encode_completion(server.Completion(job_id=job_id, state=server.Outcome.SUCCEEDED, gcs_path=path), at=NOW)
    return made.data, dict(made.attributes)


def received(inbox: Inbox, data: bytes, attributes: Mapping[str, str]) -> str:
    hand = InHand(data, attributes)
    inbox.receive(hand)
    (settled,) = hand.settled
    return settled


def grown(value: Any) -> Any:
    """The value with a key of a later version in each object."""
    if isinstance(value, list):
        return [grown(each) for each in value]
    return {**{key: grown(part) for key, part in value.items()}, "later": "1"} if isinstance(value, dict) else value


@pytest.mark.parametrize(("data", "attributes"), SENT, ids=[attributes["ce-id"] for _, attributes in SENT])
def test_what_every_release_announced_is_read(data: bytes, attributes: dict[str, str]) -> None:
    assert len(SENT) > 5
    found = decode_completion(data, attributes)
    body = json.loads(data)
    assert found.model_dump(mode="json", exclude_unset=True, include={"job_id", "state", "gcs_path"}) == {
        name: body[name] for name in ("job_id", "state", "gcs_path") if name in body
    }
    assert found.state is Outcome.REJECTED or event_id_of(found) == attributes["ce-id"]
    later = decode_completion(json.dumps(grown(body)), attributes)
    assert (later.job_id, later.state, later.model_extra) == (found.job_id, found.state, {"later": "1"})


def test_a_request_that_only_a_later_version_knows_is_left_out() -> None:
    data, attributes = a_message()
    body = {**json.loads(data), "request": {"job_id": "job-1", "duration_seconds": 0.5}}
    found = decode_completion(json.dumps(body), attributes)
    assert (found.job_id, found.request) == ("job-1", None)


def test_a_repeat_is_acked_and_not_handled_again() -> None:
    handled: list[str | None] = []
    inbox = Inbox(lambda completion: handled.append(completion.job_id))
    assert [received(inbox, *a_message(job)) for job in ("a", "b", "a", "a")] == ["ack"] * 4
    assert handled == ["a", "b"]


def test_another_life_and_a_message_without_a_ce_id_are_told_apart() -> None:
    handled: list[Completion] = []
    inbox = Inbox(handled.append)
    data, _ = a_message()
    again = json.dumps({**json.loads(data), "life": 2}).encode()
    assert [received(inbox, each, {}) for each in (data, again, data, again)] == ["ack"] * 4
    assert [completion.life for completion in handled] == [1, 2]


def test_what_was_not_handled_comes_again() -> None:
    handled: list[Completion] = []

    def handle(completion: Completion) -> None:
        handled.append(completion)
        if len(handled) == 1:
            raise OSError("our own database is away")

    inbox = Inbox(handle)
    assert [received(inbox, *a_message()) for _ in range(3)] == ["nack", "ack", "ack"]
    assert len(handled) == 2


def test_a_memory_that_fails_loses_nothing() -> None:
    class Away(RecentEvents):
        def add(self, event_id: str, /) -> None:
            raise OSError("no room")

    inbox = Inbox(lambda _: None, Away())
    assert [received(inbox, *a_message()) for _ in range(2)] == ["nack", "nack"]


def test_a_repeat_while_the_first_is_under_way_waits_for_its_end() -> None:
    begun, let_go = threading.Event(), threading.Event()

    def handle(_: Completion) -> None:
        begun.set()
        assert let_go.wait(60)

    inbox = Inbox(handle)
    first = InHand(*a_message())
    thread = threading.Thread(target=inbox.receive, args=[first])
    thread.start()
    assert begun.wait(60)
    assert received(inbox, *a_message()) == "nack"
    let_go.set()
    thread.join(60)
    assert first.settled == ["ack"]
    assert received(inbox, *a_message()) == "ack"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff{",
        b"[" * 100_000,
        b'{"job_id": "job-1", "state": "succeeded"}',
        b'{"job_id": "job-1", "state": "failed"}',
        b'{"job_id": 1, "state": "cancelled"}',
    ],
)
def test_what_can_t_be_read_is_kept_for_the_dead_letters(data: bytes) -> None:
    with pytest.raises(ReelbusError):
        decode_completion(data)
    assert received(Inbox(lambda _: None), data, {}) == "nack"


@pytest.mark.parametrize(
    ("data", "attributes"),
    [
        (b'{"job_id": "job-1", "state": "paused"}', {}),
        (b"no JSON at all", {"ce-type": "reelbus.video.progress.v1"}),
        (b"{}", {"ce-type": "reelbus.video.succeeded.v2"}),
    ],
)
def test_what_a_later_version_announces_is_passed_over(data: bytes, attributes: dict[str, str]) -> None:
    with pytest.raises(UnknownMessage):
        decode_completion(data, attributes)
    assert received(Inbox(lambda _: None), data, attributes) == "ack"


def test_the_memory_of_a_process_keeps_the_newest() -> None:
    seen = RecentEvents(limit=2)
    for event_id in ("a", "b", "c"):
        seen.add(event_id)
    assert [event_id in seen for event_id in ("a", "b", "c")] == [False, True, True]
