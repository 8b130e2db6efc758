"""Examples of all messages for the AsyncAPI document, written by the code that writes the messages."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from schemas.errors import Category, Charged, Failure
from schemas.wire.completion import Completion, Outcome, Timings
from schemas.wire.evaluation import Evaluated, Evaluation, Verdict, encode_evaluated
from schemas.wire.film import FilmCompletion, FilmSceneEnd, encode_film_completion, encode_film_request
from schemas.wire.message import (
    Message,
    encode_cancel,
    encode_completion,
    encode_rejection,
    encode_request,
)
from schemas.wire.request import CancelRequest, VideoRequest
from schemas.wire.webhook import TEST, build_body, sign, webhook_id_of

_AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
_TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
_REQUEST = VideoRequest(job_id="order-42", prompt="A red bicycle turns slowly on white", duration_seconds=4)
_FAILURES = {
    Outcome.FAILED: (Category.SAFETY_FILTER, "refused", "The model's safety filter refused the prompt."),
    Outcome.CANCELLED: (Category.CANCELLED, "cancelled", "The job was cancelled."),
    Outcome.EXPIRED: (Category.EXPIRED, "expired", "The job was not started in time."),
    Outcome.REJECTED: (Category.INVALID_REQUEST, "invalid_request", "prompt must have at least 10 characters"),
}


def _completion(outcome: Outcome) -> Completion:
    if outcome is Outcome.SUCCEEDED:
        return Completion(
            job_id="order-42",
            state=outcome,
            request=_REQUEST,
            gcs_path="generated-videos/video_20260131_120000_order-42.mp4",
            width=1280,
            height=720,
            duration_seconds=4,
            model="animatic",
            timings=Timings(created_at=_AT, ended_at=_AT),
        )
    category, code, words = _FAILURES[outcome]
    failure = Failure(category=category, code=code, message=words, charged=Charged.NO)
    return Completion(job_id="order-42", state=outcome, error=failure)


def _encode(outcome: Outcome) -> Message:
    completion = _completion(outcome)
    if outcome is Outcome.REJECTED:
        refused = Message(data=b'{"job_id": "order-42", "prompt": "short"}')
        return encode_rejection(completion, refused, message_id="4711", at=_AT)
    return encode_completion(completion, at=_AT, traceparent=_TRACE)


def _on_bus(message: Message) -> dict[str, Any]:
    return {"headers": dict(message.attributes), "payload": json.loads(message.data)}


def _example_of_post(data: Mapping[str, Any], *, event_id: str, kind: str, status_url: str) -> dict[str, Any]:
    body = build_body(data, event_id=event_id, kind=kind, at=_AT, status_url=status_url)
    signed = sign([bytes(32)], webhook_id=webhook_id_of(event_id), at=_AT, body=body.encode())
    return {"headers": {**signed, "content-type": "application/json"}, "payload": json.loads(body)}


def _example_of_end() -> dict[str, Any]:
    completion = _completion(Outcome.SUCCEEDED)
    data = {**completion.model_dump(mode="json", exclude_none=True), "video_id": "order-42"}
    return _example_of_post(
        data,
        event_id=completion.event_id,
        kind="reelbus.video.succeeded.v1",
        status_url="https://video.example.com/api/videos/order-42",
    )


def _example_of_film_end() -> dict[str, Any]:
    message = _encode_film("succeeded")
    data = json.loads(message.data)
    scenes = [{**scene, "video_id": scene["job_id"]} for scene in data["scenes"]]
    return _example_of_post(
        {**data, "scenes": scenes},
        event_id=message.attributes["ce-id"],
        kind=message.attributes["ce-type"],
        status_url="https://video.example.com/api/films/spring",
    )


def _encode_evaluated() -> Message:
    verdicts = (Verdict(text="a red bicycle", holds=True), Verdict(text="a white background", holds=False))
    event = Evaluated(
        job_id="order-42",
        model="veo-3.1-generate-001",
        gcs_path="generated-videos/video_20260131_120000_order-42.mp4",
        calls=2,
        evaluation=Evaluation(
            metric="gecko_text2video_v2", score=0.5, verdicts=verdicts, comparable=True, evaluated_at=_AT
        ),
    )
    return encode_evaluated(event, at=_AT, traceparent=_TRACE)


def _encode_film(state: str) -> Message:
    if state == "succeeded":
        made = FilmCompletion(
            film_id="spring",
            revision=1,
            state=state,
            gcs_path="generated-videos/film_spring-3f9a1c04b7de.mp4",
            video_url="https://video.example.com/videos/generated-videos/film_spring-3f9a1c04b7de.mp4",
            duration_seconds=4,
            price_usd=Decimal("0.4"),
            cost_usd=Decimal("0.4"),
            scenes=(FilmSceneEnd(name="opening", job_id="spring-7c1e9a40d2b3", start_s=0, end_s=4),),
        )
        return encode_film_completion(made, holds=0, at=_AT)
    error = None
    if state != "cancelled":
        words = "scene opening has no video: The model's safety filter refused the prompt."
        error = Failure(category=Category.SAFETY_FILTER, code="refused", message=words, charged=Charged.NO)
    ended = FilmCompletion(film_id="spring", revision=1, state=state, error=error)
    return encode_film_completion(ended, holds=1 if state == "held" else 0, at=_AT)


EXAMPLES: Mapping[str, dict[str, Any]] = {
    "VideoRequested": _on_bus(encode_request(_REQUEST, at=_AT, traceparent=_TRACE)),
    "CancelRequested": _on_bus(encode_cancel(CancelRequest(job_id="order-42"), at=_AT, life=1, traceparent=_TRACE)),
    **{f"Video{outcome.capitalize()}": _on_bus(_encode(outcome)) for outcome in Outcome},
    "VideoEvaluated": _on_bus(_encode_evaluated()),
    "FilmRequested": _on_bus(encode_film_request("spring", 1, at=_AT)),
    **{
        f"Film{state.capitalize()}": _on_bus(_encode_film(state))
        for state in ("succeeded", "held", "failed", "cancelled")
    },
    "WebhookEnd": _example_of_end(),
    "WebhookFilmEnd": _example_of_film_end(),
    "WebhookTest": _example_of_post({}, event_id="test-8d1f7c4a2b3e5f60", kind=TEST, status_url=""),
}
"""One example by the name of its message."""
