"""Ids of jobs: the caller's own, made from a key and the contents, or kept while a call has no answer."""

import itertools
import math
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from reelbus_client.errors import ReelbusError, WaitTimeout, invalid, unreachable
from reelbus_client.models import Scene, VideoRequest
from reelbus_client.requests import open_order, to_json

_places = itertools.count()
BOAT = {"prompt": "A paper boat on a city river"}


@pytest.fixture
def place() -> str:
    return f"http://facade-{next(_places)}"


def id_of(place: str, request: Any, key: str | None = None) -> str:
    with open_order(place, request, key) as order:
        return order.job_id


def failed_id(place: str, request: Any, error: BaseException) -> str:
    """The id of a call that ended with this error."""
    ids: list[str] = []
    with suppress(type(error)), open_order(place, request, None) as order:
        ids.append(order.job_id)
        order.video_id = order.job_id
        raise error
    return ids[0]


def test_a_call_that_was_answered_is_a_new_job_the_next_time(place: str) -> None:
    assert id_of(place, BOAT) != id_of(place, BOAT)


@pytest.mark.parametrize(
    "error", [unreachable("gone"), WaitTimeout(3), KeyboardInterrupt(), GeneratorExit(), RuntimeError("a bug")]
)
def test_a_call_without_an_answer_keeps_its_id_for_the_same_call(place: str, error: BaseException) -> None:
    first = failed_id(place, BOAT, error)
    assert id_of("http://elsewhere", BOAT) != first
    assert id_of(place, {**BOAT, "seed": 1}) != first
    assert id_of(place, {**BOAT, "style": None}) == first
    assert id_of(place, BOAT) != first, "it was answered"


def test_the_same_call_as_a_model_or_with_another_order_of_keys_has_the_same_id(place: str) -> None:
    scene = {"title": "Opening", "timeEnd": "8s"}
    at = datetime(2026, 1, 31, 12, tzinfo=UTC)
    first = failed_id(place, {"scene": scene, "quality": "fast", "start_before": at}, unreachable("gone"))
    again = {"start_before": at, "quality": "fast", "scene": Scene(title="Opening", timeEnd="8s")}
    assert failed_id(place, again, unreachable("gone")) == first


def test_an_answer_that_refuses_the_request_ends_the_memory(place: str) -> None:
    refused = failed_id(place, BOAT, invalid("seed", "is too large"))
    assert id_of(place, BOAT) != refused


def test_a_key_and_the_contents_make_the_id_in_every_process(place: str) -> None:
    assert id_of(place, BOAT, "night-1") == "key-5473e1ee1d63cbcc6ea3cc7403c8b3fef47a321f"
    assert id_of("pubsub://acme", VideoRequest(**BOAT), "night-1") == id_of(place, BOAT, "night-1")
    assert id_of(place, BOAT, "night-2") != id_of(place, BOAT, "night-1")
    assert id_of(place, {**BOAT, "seed": 2}, "night-1") != id_of(place, BOAT, "night-1")


def test_an_id_of_the_caller_is_kept_as_it_is(place: str) -> None:
    with open_order(place, {**BOAT, "job_id": "order-1"}, None) as order:
        assert (order.job_id, order.is_named) == ("order-1", True)
        assert order.body == b'{"job_id":"order-1","prompt":"A paper boat on a city river"}'
    with pytest.raises(ReelbusError, match="key must not be given beside job_id"):
        id_of(place, {**BOAT, "job_id": "order-1"}, "night-1")
    with pytest.raises(ReelbusError, match="key must not be empty"):
        id_of(place, BOAT, "")


@pytest.mark.parametrize("value", [math.nan, math.inf, b"bytes", object(), {1, 2}])
def test_a_value_that_json_does_not_have_is_refused(value: object) -> None:
    with pytest.raises(ReelbusError, match="the request has a value that is not JSON") as caught:
        to_json({"seed": value})
    assert (caught.value.status, caught.value.code) == (400, "invalid_request")


def test_what_is_no_request_is_refused(place: str) -> None:
    with pytest.raises(ReelbusError, match="must be a mapping, or the model of a request"):
        id_of(place, "A paper boat")


def test_errors_name_the_job_that_may_exist(place: str) -> None:
    timeout, aborted = WaitTimeout(1), KeyboardInterrupt()
    job_id = failed_id(place, BOAT, timeout)
    assert timeout.video_id == job_id
    assert failed_id(place, BOAT, aborted) == job_id
    assert aborted.__notes__ == [f"the job {job_id} may go on"]
