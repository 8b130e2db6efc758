"""What a later version stores and sends: its keys survive, its words stop nothing else, and doors stay strict."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from infra.cursor import Position, decode_cursor, encode_cursor
from schemas.domain import events as ev
from schemas.domain.job import Job, job_of_record, record_of
from schemas.domain.projections import completion_of
from schemas.domain.state_machine import advance
from schemas.domain.states import JobState
from schemas.errors import Category, Invalid, NewerRecord
from schemas.ports import JobQuery
from schemas.wire.message import (
    Message,
    UnknownContent,
    decode_command,
    decode_completion,
    encode_completion,
    encode_request,
)
from schemas.wire.request import CancelRequest, VideoRequest
from schemas.wire.scene import Scene
from tests.unit.makers import (
    AT,
    PRICE,
    a_job,
    a_plan,
    accepted,
    after,
    done,
    judged,
    lost,
    played,
    replayed,
    started,
    stored,
    wished,
    withdrawn,
)

RECORDS = sorted((Path(__file__).parent.parent / "corpus").glob("*/**/job_*.json"))
LATER = "key_of_tomorrow"
SECRET = "words of a caller"


def grown(value: Any, at: str = "job") -> Any:
    """The same with a key of a later version in every object that has keys of its own."""
    if isinstance(value, list):
        return [grown(part, at) for part in value]
    if not isinstance(value, dict):
        return value
    free = at in ("labels", "lost_nonces")
    more = {} if free else {LATER: {"at": at, "words": [SECRET]}}
    return {**{key: grown(part, key) for key, part in value.items()}, **more}


def counted(value: Any) -> int:
    """In how many objects the later version's key stands."""
    return json.dumps(value).count(f'"{LATER}":')


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in RECORDS])
def test_a_record_keeps_the_keys_of_a_later_version_at_every_level(path: Path) -> None:
    record = grown(json.loads(path.read_text("utf-8"))["data"])
    job = job_of_record("job-1", json.dumps(record))
    again = json.loads(record_of(job))
    assert counted(record) >= 3
    assert counted(again) == counted(record)
    assert job_of_record("job-1", json.dumps(again)) == job


def _grown(job: Job) -> Job:
    return Job.model_validate(grown(json.loads(record_of(job))))


WAYS: list[tuple[Job, ev.Step]] = [
    (a_job(), started()),
    (a_job(), wished()),
    (a_job(), ev.Expired(at=after(1))),
    (a_job(), ev.WaitEnded(at=after(1), until=after(9))),
    (played(started(), withdrawn()), started(nonce="n2")),
    (played(started()), accepted()),
    (played(started()), lost()),
    (played(started()), withdrawn()),
    (played(started(), lost()), ev.Resubmit(at=after(3), clip=0)),
    (played(started(), lost()), judged()),
    (played(started(), lost(), judged()), replayed()),
    (played(started(), lost(), judged()), ev.Resolved(at=after(9), clip=0, charged=True)),
    (played(started(), lost(), judged()), ev.AcceptedLate(at=after(9), clip=0, nonce="n1", operation="op-9")),
    (played(started(), accepted()), done()),
    (played(started(), accepted(), done()), stored()),
    (played(started(a_plan(PRICE, PRICE)), accepted(), done(0)), started(a_plan(PRICE, PRICE), "n2")),
]


@pytest.mark.parametrize(("job", "event"), [pytest.param(*way, id=type(way[1]).__name__) for way in WAYS])
def test_every_step_keeps_them(job: Job, event: ev.Step) -> None:
    """What a step replaces as a whole is new; of all else nothing is lost: the job, its request, clips and history."""
    before = _grown(job)
    seen = advance(before, event)
    assert seen.model_extra == before.model_extra
    assert seen.request == before.request
    assert [clip.model_extra for clip in seen.clips][: len(before.clips)] == [clip.model_extra for clip in before.clips]
    assert seen.history[: len(before.history)] == before.history
    assert Job.model_validate_json(record_of(seen)) == seen.model_copy(update={"revision": ""})


def test_what_is_erased_keeps_no_key_that_this_version_cannot_judge() -> None:
    job = advance(_grown(played(started(), accepted(), done(), stored())), ev.Announced(at=after(900)))
    erased = advance(job, ev.Erased(at=after(5000)))
    assert counted(json.loads(record_of(job))) > 4
    assert counted(json.loads(record_of(erased))) == 0
    assert SECRET not in record_of(erased)
    assert (erased.cost_usd, erased.state, erased.fingerprint) == (job.cost_usd, job.state, job.fingerprint)
    assert counted(json.loads(record_of(advance(erased, ev.FilesDeleted(at=after(6000)))))) == 0


def test_a_record_is_written_without_defaults() -> None:
    record = json.loads(record_of(a_job()))
    assert record.keys() == {
        *("job_id", "fingerprint", "request", "state", "created_at", "deadline", "history", "next_check_at")
    }
    assert record["request"] == {"job_id": "job-1", "prompt": "A harbour at dawn", "duration_seconds": 5}


@pytest.mark.parametrize("seconds", [5, 7])
def test_a_length_beside_a_scene_is_written_even_where_it_is_the_default(seconds: int) -> None:
    """Without it the scene would say it, which is as long as the scene is."""
    job = a_job(scene={"title": "Dawn in a harbour", "timeEnd": "8s"}, duration_seconds=seconds)
    assert job_of_record("job-1", record_of(job)) == job
    assert decode_command(encode_request(job.request, at=AT)) == job.request
    assert job.request.duration_seconds == seconds


@pytest.mark.parametrize(
    "change",
    [
        lambda record: {**record, "state": "paused"},
        lambda record: {**record, "history": [{"state": "paused", "at": "2026-01-31T12:00:00Z"}]},
        lambda record: {**record, "clips": [{**record["clips"][0], "state": "melted"}]},
        lambda record: {**record, "failure": {"category": "quota", "code": "c", "message": "m", "charged": "partly"}},
        lambda record: {**record, "request": {**record["request"], "resolution": "8k"}},
        lambda record: {**record, "request": {**record["request"], "duration_seconds": 600}},
        lambda record: {**record, "deadline": {"at": 1}},
        lambda _: [],
    ],
)
def test_a_record_that_says_what_this_version_does_not_know_is_of_a_newer_one(change: Callable[[Any], Any]) -> None:
    record = change(json.loads(record_of(played(started()))))
    with pytest.raises(NewerRecord, match=r"job job-9 was stored by a newer version"):
        job_of_record("job-9", json.dumps(record))


def test_a_category_of_a_later_version_stays_what_it_is() -> None:
    failure = {"category": "weather", "code": "storm", "message": "It storms."}
    record = {**json.loads(record_of(a_job())), "state": "failed", "failure": failure}
    job = job_of_record("job-1", json.dumps(record))
    assert job.failure is not None
    assert job.failure.category not in tuple(Category)
    assert json.loads(record_of(job))["failure"] == failure
    told = decode_completion(encode_completion(completion_of(job, video_url=None), at=AT))
    assert told.error == job.failure


def test_a_request_is_the_same_request_with_a_key_of_tomorrow() -> None:
    job = _grown(a_job())
    message = encode_request(job.request, at=AT)
    assert json.loads(message.data)[LATER] == {"at": "request", "words": [SECRET]}
    with pytest.raises(UnknownContent) as caught:
        decode_command(message)
    assert caught.value.command == job.request
    assert isinstance(caught.value.command, VideoRequest)
    assert caught.value.command.fingerprint() == job.request.fingerprint() != a_job().fingerprint


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"fps": 60}, "fps"),
        ({"fps": None}, "fps"),
        ({"scene": {"title": "Dawn", "mood": "calm"}}, "scene.mood"),
        ({"prompt": None, "scene": {"title": "Dawn in a harbour", "mood": "calm"}}, "scene.mood"),
        ({"quality": "dream"}, "quality"),
        ({"aspect_ratio": "1:1", "resolution": "8k", "fps": 60}, "aspect_ratio"),
        ({"on_unknown_submit": "ask"}, "on_unknown_submit"),
    ],
)
def test_a_command_with_nothing_wrong_but_the_unknown_may_be_of_a_newer_publisher(
    body: dict[str, Any], field: str
) -> None:
    data = json.dumps({"job_id": "job-1", "prompt": "A harbour at dawn", **body}).encode()
    with pytest.raises(UnknownContent) as caught:
        decode_command(Message(data=data))
    assert caught.value.reason.field == field


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": "short", "fps": 60},
        {"duration_seconds": 600, "resolution": "8k"},
        {"quality": 5},
        {"aspect_ratio": None, "labels": {"A": "b"}},
        {"scene": {"title": 5, "mood": "calm"}},
    ],
)
def test_a_command_that_is_wrong_anyhow_is_wrong_at_once(body: dict[str, Any]) -> None:
    data = json.dumps({"job_id": "job-1", "prompt": "A harbour at dawn", **body}).encode()
    with pytest.raises(Invalid):
        decode_command(Message(data=data))


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (VideoRequest, {"job_id": "job-1", "prompt": "A harbour at dawn", "fps": 60}),
        (VideoRequest, {"job_id": "job-1", "scene": {"title": "Dawn in a harbour", "mood": 1}}),
        (Scene, {"title": "Dawn", "mood": 1}),
        (CancelRequest, {"job_id": "job-1", "gently": True}),
    ],
)
def test_what_people_send_has_no_unknown_keys(model: type[VideoRequest | Scene | CancelRequest], body: Any) -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        model.model_validate(body)
    with pytest.raises(ValidationError, match="extra_forbidden"):
        model(**body)


def test_a_cursor_of_a_later_version_still_leads_on() -> None:
    position = Position(order="c", at_ms=5, job_id="job-1")
    cursor = encode_cursor(position)
    assert decode_cursor(JobQuery(cursor=cursor)) == position
    longer = "WyJjIiwgNSwgImpvYi0xIiwgIm1vcmUiXQ"
    assert decode_cursor(JobQuery(cursor=longer)) == position


def test_a_state_decides_and_a_new_one_is_no_old_one() -> None:
    with pytest.raises(ValueError, match="paused"):
        JobState("paused")
