"""The envelope: what goes in comes out, and what is not ours is told apart from what is of tomorrow."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.domain.projections import rejection
from schemas.errors import Invalid
from schemas.wire.message import (
    CANCEL,
    REQUESTED,
    Message,
    NewerVersion,
    decode_command,
    decode_completion,
    encode_cancel,
    encode_completion,
    encode_request,
    job_id_of,
    life_of,
)
from schemas.wire.request import CancelRequest
from tests.unit.makers import AT, a_request

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def of_kind(kind: str) -> Message:
    return Message(data=b'{"job_id": "job-1", "prompt": "A harbour at dawn"}', attributes={"ce-type": kind})


def test_a_request_comes_out_as_it_went_in() -> None:
    message = encode_request(a_request(seed=7), at=AT, traceparent=TRACE)
    assert decode_command(message) == a_request(seed=7)
    assert message.traceparent == TRACE
    assert dict(message.attributes) == {
        "job_id": "job-1",
        "ce-type": REQUESTED,
        "ce-source": "reelbus",
        "ce-id": "job-1",
        "ce-specversion": "1.0",
        "ce-time": "2026-01-31T12:00:00.000Z",
        "traceparent": TRACE,
    }


def test_absent_fields_are_not_written_as_nulls() -> None:
    assert None not in json.loads(encode_request(a_request(), at=AT).data).values()


def test_a_cancel_comes_out_as_it_went_in_with_an_id_of_its_own() -> None:
    message = encode_cancel(CancelRequest(job_id="job-1", reason="no need"), at=AT)
    assert decode_command(message) == CancelRequest(job_id="job-1", reason="no need")
    assert message.attributes["ce-id"] == "job-1.cancel"
    assert message.traceparent is None


@pytest.mark.parametrize("life", [None, 1, 2, 999_999_999])
def test_a_cancel_says_which_life_it_ends_beside_a_body_that_stays_the_same(life: int | None) -> None:
    cancel = CancelRequest(job_id="job-1")
    message = encode_cancel(cancel, at=AT, life=life)
    assert life_of(message) == life
    assert message.data == encode_cancel(cancel, at=AT).data
    assert ("life" in message.attributes) == (life is not None)


@pytest.mark.parametrize("life", ["", "0", "01", "+1", " 1", "1\n", "1.0", "two", "٢", "1234567890"])
def test_a_life_that_is_no_whole_number_is_refused(life: str) -> None:
    with pytest.raises(Invalid, match="whole number") as caught:
        life_of(Message(data=b"{}", attributes={"life": life}))
    assert caught.value.field == "life"


def test_a_completion_comes_out_as_it_went_in() -> None:
    told = rejection("job-1", "prompt is required", field="prompt")
    message = encode_completion(told, at=AT)
    assert decode_completion(message) == told
    assert message.attributes["ce-type"] == "reelbus.video.rejected.v1"


def test_bare_json_is_taken_for_a_request() -> None:
    assert decode_command(Message(data=of_kind("").data)) == a_request()


@pytest.mark.parametrize("kind", ["reelbus.video.requested.v2", "reelbus.video.cancel.v10", "reelbus.video.cancel.v99"])
def test_a_command_of_a_newer_version_is_held_and_not_failed(kind: str) -> None:
    with pytest.raises(NewerVersion):
        decode_command(of_kind(kind))


def test_a_completion_of_a_newer_version_is_held_and_not_failed() -> None:
    with pytest.raises(NewerVersion):
        decode_completion(of_kind("reelbus.video.succeeded.v2"))


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "reelbus.video.requested",
        "reelbus.video.requested.v0",
        "reelbus.video.requested.v02",
        "reelbus.video.requested.v²",
        "reelbus.video.requested.v٢",
        "reelbus.video.requested.vx",
        "reelbus.video.succeeded.v1",
        "com.example.v2",
    ],
)
def test_a_foreign_type_is_invalid(kind: str) -> None:
    with pytest.raises(Invalid, match="ce-type") as caught:
        decode_command(of_kind(kind))
    assert caught.value.field == "ce-type"


def test_a_command_is_no_completion() -> None:
    with pytest.raises(Invalid, match="ce-type"):
        decode_completion(of_kind(CANCEL))


def test_an_invalid_body_names_its_field() -> None:
    with pytest.raises(Invalid, match=r"^prompt is required") as caught:
        decode_command(Message(data=b'{"job_id": "job-1"}'))
    assert caught.value.field == "prompt"


@pytest.mark.parametrize(
    ("data", "attributes", "claimed"),
    [
        (b'{"job_id": "job-1", "nope": 1}', {}, "job-1"),
        (b"broken", {"job_id": "job-2"}, "job-2"),
        (b'{"job_id": "job-1"}', {"job_id": ""}, "job-1"),
        (b'{"job_id": 5}', {}, None),
        (b'{"job_id": ""}', {}, None),
        (b'["job-1"]', {}, None),
        (b"broken", {}, None),
        (b"\xff\xfe", {}, None),
        (b"[" * 100_000, {}, None),
        (b"{}", {"job_id": "x" * 65}, None),
    ],
)
def test_the_id_is_found_where_the_rest_is_no_message(
    data: bytes, attributes: dict[str, str], claimed: str | None
) -> None:
    assert job_id_of(Message(data=data, attributes=attributes)) == claimed


@given(
    data=st.binary(max_size=60), kind=st.one_of(st.none(), st.text(max_size=30), st.sampled_from([REQUESTED, CANCEL]))
)
def test_no_bytes_at_all_make_a_decoder_fall_over(data: bytes, kind: str | None) -> None:
    message = Message(data=data, attributes={} if kind is None else {"ce-type": kind})
    with pytest.raises(Invalid):
        decode_command(message)
    with pytest.raises(Invalid):
        decode_completion(message)
