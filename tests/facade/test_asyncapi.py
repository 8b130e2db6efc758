"""The AsyncAPI document agrees with what is sent and posted. `make clients` runs the official parser on it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from jsonschema import Draft7Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import best_match  # type: ignore[import-untyped]

from publisher.facade.asyncapi import CHANNELS, document
from publisher.facade.asyncapi_parts import COMPLETION, FILM
from schemas.domain.fallback import fallback_attributes, fallback_cause
from schemas.domain.film import Film, FilmState
from schemas.domain.job import Job
from schemas.domain.projections import completion_of
from schemas.errors import Category, Charged, Failure
from schemas.ports import EVALUATIONS, FILM_COMPLETIONS, FILM_REQUESTS
from schemas.ports.bus import BATCH_REQUESTS, COMPLETIONS, REQUESTS
from schemas.wire.completion import Outcome
from schemas.wire.film import FilmCompletion, FilmSceneEnd, FilmTitleEnd, encode_film_completion, encode_film_request
from schemas.wire.message import encode_completion
from schemas.wire.webhook import TEST, build_body
from schemas.wire.webhook_payload import WebhookFilmPayload, WebhookPayload, WebhookTestPayload
from subscriber.courier.events import Target, delivery_of
from subscriber.courier.film_events import film_delivery_of, rebuild_film_body
from tests.facade.doors import Door
from tests.unit.makers import AT, PRICE, a_plan, accepted, done, judged, lost, played, started, stored, wished

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_MESSAGES: Mapping[str, Any] = document()["components"]["messages"]


def complain(schema: Mapping[str, Any], value: object) -> str | None:
    """Return what the schema of the document has against the value."""
    whole = {**schema, "components": document()["components"]}
    error = best_match(Draft7Validator(whole).iter_errors(value))
    return error.message if error else None


@pytest.mark.parametrize("name", _MESSAGES)
def test_each_example_is_valid_and_nothing_less(name: str) -> None:
    message, (example,) = _MESSAGES[name], _MESSAGES[name]["examples"]
    assert complain(message["payload"], example["payload"]) is None
    assert complain(message["headers"], example["headers"]) is None
    for key in message["headers"]["required"]:
        assert complain(message["headers"], {**example["headers"], key: None})
    assert complain(message["payload"], {**example["payload"], "job_id": 5, "film_id": 5, "type": 5})


def test_the_channels_are_the_topics_and_the_webhook() -> None:
    films = [FILM_REQUESTS, FILM_COMPLETIONS]
    topics = [REQUESTS, BATCH_REQUESTS, COMPLETIONS, EVALUATIONS, *films, None]
    assert [channel.address for channel in CHANNELS] == topics
    assert {f"reelbus.video.{outcome}.v1" for outcome in Outcome} == {
        message.kind for channel in CHANNELS if channel.address == COMPLETIONS for message in channel.messages
    }
    assert {f"reelbus.film.{state}.v1" for state in FilmState if state.ended} == {
        message.kind for channel in CHANNELS if channel.address == FILM_COMPLETIONS for message in channel.messages
    }


@pytest.mark.parametrize("state", [state for state in FilmState if state.ended])
def test_what_is_written_of_a_film_is_valid_and_described(state: FilmState) -> None:
    notice = encode_film_request("ad", 2, at=AT)
    scenes = (FilmSceneEnd(name="one", job_id="ad-0123456789ab", start_s=0, end_s=1.5),)
    failure = Failure(category=Category.INTERNAL, code="join_failed", message="It broke.", charged=Charged.NO)
    end = FilmCompletion(film_id="ad", revision=2, state=state, scenes=scenes, error=failure)
    for name, written in (
        ("FilmRequested", notice),
        (f"Film{state.capitalize()}", encode_film_completion(end, holds=1, at=AT)),
    ):
        assert complain(_MESSAGES[name]["payload"], json.loads(written.data)) is None
        assert complain(_MESSAGES[name]["headers"], dict(written.attributes)) is None
        assert written.attributes.keys() == FILM.words.keys() == FILM.required


def test_every_attribute_that_is_written_is_described() -> None:
    completion = completion_of(played(started(), accepted(), done(), stored()), video_url=None)
    written = encode_completion(completion, at=AT, traceparent=TRACE, caller="acme", defect="It is too short.")
    plan = a_plan(PRICE).model_copy(update={"fallback": fallback_cause("veo-3.1", "It is switched off.")})
    fallback = fallback_attributes(played(started(plan)))
    (rejected,) = _MESSAGES["VideoRejected"]["examples"]
    assert fallback
    assert {*written.attributes, *fallback, *rejected["headers"]} == {*COMPLETION.words}


@pytest.mark.parametrize(
    "life", [played(started(), accepted(), done(), stored()), played(started(), lost(), judged()), played(wished())]
)
def test_what_the_worker_writes_is_valid(life: Job) -> None:
    completion = completion_of(life, video_url="https://example.com/a.mp4")
    written = encode_completion(completion, at=AT, caller="acme")
    message = _MESSAGES[f"Video{completion.state.capitalize()}"]
    assert complain(message["payload"], json.loads(written.data)) is None
    assert complain(message["headers"], dict(written.attributes)) is None
    posted = delivery_of(written, life, Target(url="https://example.com/"), facade_url="https://a.example", now=AT).body
    assert complain(_MESSAGES["WebhookEnd"]["payload"], json.loads(posted)) is None
    event = WebhookPayload.model_validate_json(posted)
    assert event.model_extra == event.data.model_extra == {}, "the model has every key that is posted"


@pytest.mark.parametrize("state", [state for state in FilmState if state.ended])
def test_what_is_posted_of_a_film_is_valid_and_has_no_other_key(state: FilmState) -> None:
    film = Film.model_validate(
        {
            "film_id": "ad",
            "request": {"film_id": "ad", "scenes": [{"name": "one", "prompt": "A quiet blue wall"}]},
            "scenes": [{"name": "one", "job_id": "ad-0123456789ab", "seconds": 4, "price_usd": "0.4"}],
            "created_at": AT,
            "changed_at": AT,
        }
    )
    scenes = (FilmSceneEnd(name="one", job_id="ad-0123456789ab", start_s=0, end_s=1.5),)
    titles = (FilmTitleEnd(before="one", text="One", start_s=0, end_s=1.5),)
    end = FilmCompletion(film_id="ad", revision=2, state=state, scenes=scenes, titles=titles)
    written = encode_film_completion(end, holds=1, at=AT)
    target = Target(url="https://example.com/")
    delivery = film_delivery_of(written, film, target, facade_url="https://a.example", now=AT)
    assert complain(_MESSAGES["WebhookFilmEnd"]["payload"], json.loads(delivery.body)) is None
    event = WebhookFilmPayload.model_validate_json(delivery.body)
    assert event.model_extra == event.data.model_extra == event.data.scenes[0].model_extra == {}
    late = rebuild_film_body(
        delivery, film.model_copy(update={"erased_at": AT}), facade_url="https://a.example", now=AT
    )
    erased = WebhookFilmPayload.model_validate_json(late)
    assert (erased.id, erased.data.state, erased.data.revision, erased.data.erased_at) == (event.id, state, 2, AT)


def test_the_model_of_the_test_event_has_every_key() -> None:
    posted = build_body({}, event_id="test-1", kind=TEST, at=AT, status_url="")
    assert WebhookTestPayload.model_validate_json(posted).model_extra == {}


async def test_the_document_is_served(door: Door) -> None:
    answer = await door.client.get("/asyncapi.json")
    assert answer.json() == document()
    assert (await door.client.get("/")).json()["asyncapi"] == "/asyncapi.json"
