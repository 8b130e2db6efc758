"""The ends of films on the bus, as a director writes them: each is handled once, and a second hold is another end."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from reelbus_client import FilmInbox, ReelbusError, UnknownMessage, decode_completion, decode_film_completion
from schemas.wire import film as server

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def a_message(state: str = "succeeded", holds: int = 0) -> tuple[bytes, Mapping[str, str]]:
    path = "generated-videos/film_ad-1.mp4" if state == "succeeded" else None
    scenes = (server.FilmSceneEnd(name="one", job_id="ad-1", start_s=0, end_s=1.5),) if path else ()
    end = server.FilmCompletion(film_id="ad", revision=2, state=state, gcs_path=path, scenes=scenes)
    made = server.encode_film_completion(end, holds=holds, at=NOW)
    return made.data, made.attributes


@pytest.mark.parametrize("state", ["succeeded", "held", "failed", "cancelled"])
def test_an_end_is_read_and_is_not_that_of_a_video(state: str) -> None:
    data, attributes = a_message(state)
    end = decode_film_completion(data, attributes)
    assert (end.film_id, end.revision, end.state) == ("ad", 2, state)
    with pytest.raises(UnknownMessage):
        decode_completion(data, attributes)


def test_each_end_is_handled_once_and_a_second_hold_is_another_one() -> None:
    handled = list[str]()
    inbox = FilmInbox(lambda end: handled.append(end.state))
    for state, holds in (("held", 1), ("held", 1), ("held", 2), ("succeeded", 2), ("succeeded", 2)):
        assert inbox.take(*a_message(state, holds))
    data, _ = a_message("cancelled")
    assert inbox.take(data, {})
    assert inbox.take(data, {})
    assert handled == ["held", "held", "succeeded", "cancelled"]


def test_what_can_not_be_read_is_not_acked_and_what_is_later_is_passed_over() -> None:
    inbox = FilmInbox(lambda _: pytest.fail("nothing is to be handled"))
    data, attributes = a_message()
    assert inbox.take(data, {**attributes, "ce-type": "reelbus.film.paused.v1"})
    assert not inbox.take(b"no JSON", attributes)
    fields = json.loads(data)
    del fields["gcs_path"]
    assert not inbox.take(json.dumps(fields).encode(), attributes)
    with pytest.raises(ReelbusError, match="revision") as caught:
        decode_film_completion(json.dumps({**fields, "revision": "two"}))
    assert caught.value.field == "revision"


def test_a_handler_that_fails_gets_the_end_again() -> None:
    left = [ValueError("the database is away")]

    def handle(_: object) -> None:
        if left:
            raise left.pop()

    inbox = FilmInbox(handle)
    assert [inbox.take(*a_message()) for _ in range(3)] == [False, True, True]
