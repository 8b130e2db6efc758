"""Webhooks are verified with the signatures that a worker makes."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from reelbus_client import WebhookRefused, WebhookVerifier
from schemas.wire.webhook import TEST, build_body, show_secret, sign

OLD, NEW = bytes(range(32)), bytes(range(100, 140))
BODY = build_body(
    {"job_id": "order-1", "video_id": "order-1", "state": "succeeded", "gcs_path": "generated-videos/é.mp4"},
    event_id="order-1.1.succeeded",
    kind="reelbus.video.succeeded.v1",
    at=datetime(2026, 1, 31, tzinfo=UTC),
    status_url="https://video.example.com/api/videos/order-1",
).encode()


def headers(*secrets: bytes, body: bytes = BODY, late: timedelta = timedelta()) -> dict[str, str]:
    return sign(secrets, webhook_id="order-1-1-succeeded", at=datetime.now(UTC) - late, body=body)


def verify(body: bytes, headers: Mapping[str, str], *secrets: bytes) -> str:
    return WebhookVerifier(*map(show_secret, secrets)).verify(body, headers).id


def test_an_event_is_verified_and_read() -> None:
    given = {name.title(): value for name, value in headers(OLD).items()}
    event = WebhookVerifier(show_secret(OLD)).verify(BODY, given)
    assert (event.id, event.type) == ("order-1.1.succeeded", "reelbus.video.succeeded.v1")
    assert event.completion
    assert (event.completion.job_id, event.completion.gcs_path) == ("order-1", "generated-videos/é.mp4")
    assert event.statusurl == "https://video.example.com/api/videos/order-1"


def test_an_event_of_a_film_is_read_and_has_no_completion_of_a_job() -> None:
    scene = {"name": "one", "job_id": "ad-1-x", "video_id": "ad-1", "start_s": 0.0, "end_s": 1.5}
    data = {
        "film_id": "ad",
        "revision": 2,
        "state": "succeeded",
        "gcs_path": "generated-videos/film.mp4",
        "scenes": [scene],
    }
    event_id, kind = "ad-x.2.film.succeeded", "reelbus.film.succeeded.v1"
    at, address = datetime(2026, 1, 31, tzinfo=UTC), "https://video.example.com/api/films/ad"
    body = build_body(data, event_id=event_id, kind=kind, at=at, status_url=address).encode()
    event = WebhookVerifier(show_secret(OLD)).verify(body, headers(OLD, body=body))
    assert event.completion is None
    assert event.film
    assert (event.film.film_id, event.film.revision, event.film.state) == ("ad", 2, "succeeded")
    assert event.film.scenes[0].video_id == "ad-1"
    broken = body.replace(b'"revision":2', b'"revision":"two"')
    with pytest.raises(WebhookRefused, match="no event"):
        WebhookVerifier(show_secret(OLD)).verify(broken, headers(OLD, body=broken))


def test_a_rotation_refuses_no_event() -> None:
    for signed in ((OLD,), (NEW, OLD), (NEW,)):
        assert verify(BODY, headers(*signed), OLD, NEW)
    assert verify(BODY, headers(NEW, OLD), OLD)
    with pytest.raises(WebhookRefused):
        verify(BODY, headers(NEW), OLD)


def test_an_event_of_another_type_has_no_completion() -> None:
    body = json.dumps({**json.loads(BODY), "type": TEST, "data": {}}).encode()
    assert WebhookVerifier(show_secret(OLD)).verify(body, headers(OLD, body=body)).completion is None


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook-signature": ""},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,*"},
        {"webhook-signature": "v1a,abcd v2,abcd"},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "nan"},
        {"webhook-timestamp": "1e400"},
        {"webhook-id": "order-2"},
    ],
)
def test_what_is_not_signed_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(WebhookRefused, match="not signed"):
        verify(BODY, {**headers(OLD), **changes}, OLD)


def test_another_body_an_old_event_and_missing_headers_are_refused() -> None:
    for body, given in (
        (BODY + b" ", headers(OLD)),
        (b"\xff", headers(OLD)),
        (BODY, headers(OLD, late=timedelta(minutes=6))),
        (BODY, headers(OLD, late=-timedelta(minutes=6))),
        (BODY, {}),
    ):
        with pytest.raises(WebhookRefused):
            verify(body, given, OLD)


@pytest.mark.parametrize(
    "body", [b"{}", b"[]", b"no JSON", b'{"id": "a", "type": "reelbus.video.failed.v1", "time": 0}']
)
def test_what_is_signed_and_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(WebhookRefused, match="no event"):
        verify(body, headers(OLD, body=body), OLD)


@pytest.mark.parametrize("secrets", [(), ("whsec_",), ("whsec_a",), ("",)])
def test_what_is_no_secret_is_refused(secrets: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="secret"):
        WebhookVerifier(*secrets)
