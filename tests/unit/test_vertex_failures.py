"""Every documented way in which Vertex AI fails, as pure functions: category, code, retry, money, and a sentence."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.gcp.vertex.failures import (
    early_stop_failure,
    foreign_bucket_failure,
    message_of,
    no_video_failure,
    operation_failure,
    refusal_of,
    safety_failure,
    support_reasons,
    to_sentence,
)
from infra.gcp.vertex.operations import GeneratedFiles, Location, Operation
from infra.gcp.vertex.requests import label_value
from infra.paid.failures import answer_lost_failure, not_sent_failure, unclear_answer_failure
from schemas.errors import Category, Charged, Failure, NotFound
from schemas.ports import GenerationDone, GenerationFailed


def body(message: str, status: int = 400) -> bytes:
    return json.dumps({"error": {"code": status, "message": message, "status": "X"}}).encode()


def facts(failure: Failure) -> tuple[Category, str, bool, Charged]:
    return failure.category, failure.code, failure.retryable, failure.charged


@pytest.mark.parametrize(
    ("status", "message", "category", "code", "retryable"),
    [
        (400, "Unsupported duration", Category.INVALID_REQUEST, "invalid_argument", False),
        (
            400,
            "It violates our usage guidelines. Support codes: 61493863",
            Category.SAFETY_FILTER,
            "safety_filter",
            False,
        ),
        (401, "Bad token", Category.AUTH, "unauthenticated", False),
        (407, "Who are you", Category.AUTH, "proxy_refused", False),
        (403, "No permission", Category.AUTH, "permission_denied", False),
        (404, "Publisher Model x was not found", Category.UPSTREAM, "model_not_found", False),
        (404, "Publisher Model x is no longer available", Category.UPSTREAM, "model_retired", False),
        (429, "Quota exceeded", Category.QUOTA, "quota", True),
    ],
)
def test_a_definite_no(status: int, message: str, category: Category, code: str, retryable: bool) -> None:
    failure = refusal_of(status, body(message, status))
    assert failure
    assert facts(failure) == (category, code, retryable, Charged.NO)
    assert failure.message.endswith((".", "…"))
    assert message.partition(".")[0] in failure.message


@pytest.mark.parametrize("status", [200, 204, 302, 408, 409, 418, 499, 500, 502, 503, 504])
def test_anything_else_is_a_doubt(status: int) -> None:
    assert refusal_of(status, body("whatever", status)) is None
    assert facts(unclear_answer_failure(status)) == (Category.UPSTREAM, "unclear_answer", False, Charged.UNKNOWN)


@pytest.mark.parametrize("status", [400, 403, 404, 429])
def test_a_no_without_a_body_is_a_doubt(status: int) -> None:
    assert refusal_of(status, b" \n") is None


def test_a_no_in_another_shape_is_still_a_no() -> None:
    failure = refusal_of(403, b"<html>Forbidden</html>")
    assert failure
    assert failure.message == "The worker's account may not use this model."


def test_the_first_byte_decides_what_a_broken_connection_means() -> None:
    assert facts(not_sent_failure(OSError("no route"))) == (Category.UPSTREAM, "unreachable", True, Charged.NO)
    assert facts(answer_lost_failure(OSError("reset"))) == (Category.UPSTREAM, "answer_lost", False, Charged.UNKNOWN)


@pytest.mark.parametrize(
    ("code", "message", "category", "name", "retryable", "charged"),
    [
        (3, "Bad duration", Category.INVALID_REQUEST, "invalid_argument", False, Charged.NO),
        (3, "Refused. Support codes: 90789179", Category.SAFETY_FILTER, "safety_filter", False, Charged.NO),
        (7, "No access to the bucket", Category.AUTH, "permission_denied", False, Charged.NO),
        (8, "High load", Category.CAPACITY, "capacity", True, Charged.NO),
        (13, "Internal", Category.UPSTREAM, "model_failed", True, Charged.UNKNOWN),
        (14, "Unavailable", Category.UPSTREAM, "model_failed", True, Charged.UNKNOWN),
        (None, "", Category.UPSTREAM, "model_failed", True, Charged.UNKNOWN),
    ],
)
def test_an_operation_s_error(
    code: int | None, message: str, category: Category, name: str, retryable: bool, charged: Charged
) -> None:
    assert facts(operation_failure(code, message)) == (category, name, retryable, charged)


def test_filtered_films_say_why_and_whether_they_were_charged() -> None:
    unclear = no_video_failure(1, ["Blocked. Support codes: 61493863"])
    assert facts(unclear) == (Category.SAFETY_FILTER, "safety_filter", False, Charged.UNKNOWN)
    assert "violence" in unclear.message
    free = no_video_failure(1, ["We had an issue with the audio. You have not been charged for this attempt."])
    assert free.charged is Charged.NO
    assert no_video_failure(2, []).message == "The safety filter refused it."


def test_done_with_nothing() -> None:
    assert facts(no_video_failure(0, [])) == (Category.UPSTREAM, "no_video", True, Charged.UNKNOWN)


def test_an_interaction_that_stopped() -> None:
    assert facts(early_stop_failure("cancelled", "")) == (Category.UPSTREAM, "stopped_early", True, Charged.UNKNOWN)


def test_a_file_that_is_elsewhere() -> None:
    ours, other = "gs://films/work/j/0/1/7/sample_0.mp4", "gs://other/sample_0.mp4"
    assert GeneratedFiles(uris=(other, ours)).in_store("films") == GenerationDone(
        outputs=("work/j/0/1/7/sample_0.mp4",)
    )
    assert GeneratedFiles(uris=(other,)).in_store("films") == GenerationFailed(failure=foreign_bucket_failure(other))
    assert foreign_bucket_failure(other).charged is Charged.YES


@pytest.mark.parametrize(
    "uri",
    [
        "gs://films/work/j/0/1/7/a b.mp4",
        "https://storage.googleapis.com/films/work/j/0/1/7/a%20b.mp4",
        "https://films.storage.googleapis.com/work/j/0/1/7/a%20b.mp4",
        "https://storage.googleapis.com/films/work/j/0/1/7/a%20b.mp4?X-Goog-Signature=00",
        "https://STORAGE.googleapis.com:443/films/work/j/0/1/7/a%20b.mp4",
    ],
)
def test_a_file_of_the_bucket_by_any_address(uri: str) -> None:
    assert GeneratedFiles(uris=(uri,)).in_store("films") == GenerationDone(outputs=("work/j/0/1/7/a b.mp4",))


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "films/x.mp4",
        "gs://films",
        "gs://films-of-others/x.mp4",
        "https://storage.googleapis.com/films-of-others/x.mp4",
        "https://storage.googleapis.com/films",
        "https://others.storage.googleapis.com/films/x.mp4",
        "https://films.storage.googleapis.com.example.com/x.mp4",
        "https://example.com/films/x.mp4",
        "http://storage.googleapis.com/films/x.mp4",
        "https://[films/x.mp4",
    ],
)
def test_a_file_of_no_bucket_of_ours(uri: str) -> None:
    assert GeneratedFiles(uris=(uri,)).in_store("films") == GenerationFailed(failure=foreign_bucket_failure(uri))


@pytest.mark.parametrize(
    ("said", "reasons"),
    [
        ("Support codes: 15236754", ("a celebrity",)),
        ("Support codes: 58061214, 17301594, 61493863", ("child safety", "violence")),
        ("support code: 35561574. More words.", ("third-party content",)),
        ("Support codes: 11111111", ("code 11111111",)),
        ("nothing of that kind 15236754", ()),
    ],
)
def test_support_codes_in_plain_words(said: str, reasons: tuple[str, ...]) -> None:
    assert support_reasons(said) == reasons


@pytest.mark.parametrize("said", ["the training constraint was not met", "a blockbuster of 400 frames", ""])
def test_words_that_only_look_like_a_filter(said: str) -> None:
    assert safety_failure(said) is None


@given(st.binary())
def test_any_body_can_be_read(data: bytes) -> None:
    assert isinstance(message_of(data), str)
    refusal_of(400, data)


@given(st.text())
def test_a_sentence_is_one_line_and_not_too_long(said: str) -> None:
    sentence = to_sentence(said)
    assert "\n" not in sentence
    assert len(sentence) <= 401


@given(st.text(max_size=200))
def test_any_id_makes_a_label(text: str) -> None:
    value = label_value(text)
    assert len(value) <= 63
    assert set(value) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")


def test_an_operation_s_name_tells_family_and_place() -> None:
    veo = "veo:projects/p/locations/us-central1/publishers/google/models/m/operations/7"
    omni = "omni:projects/p/locations/global/interactions/abc"
    assert str(Operation.parse(veo)) == veo
    assert Operation.parse(veo).location == Location(project="p", location="us-central1")
    assert (Operation.parse(omni).id, Operation.parse(omni).location.location) == ("abc", "global")
    for name in ("", "veo", "sora:projects/p/locations/l/a/b", "veo:operations/7"):
        with pytest.raises(NotFound):
            Operation.parse(name)
